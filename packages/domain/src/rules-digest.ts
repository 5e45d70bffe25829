/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '1aec5ff71fb38c41'
