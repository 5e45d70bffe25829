/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = 'f3ccff002b190b92'
