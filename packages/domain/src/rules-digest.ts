/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = 'b8d99b8c61c269a3'
