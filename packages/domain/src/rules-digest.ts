/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '6af5a3825a6e0719'
