/** Digest of this set of laws, written by `./icn generate`; `dev` until it has run. */
export const rulesDigest = 'dev'
