/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '26a3942349a78c14'
