/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '2ccca5d0d41b2694'
