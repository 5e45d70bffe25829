/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '3694598f69515253'
