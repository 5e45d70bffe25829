/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = 'b4403e19585fd47e'
