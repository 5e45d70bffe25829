/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '94042a7f7710b884'
