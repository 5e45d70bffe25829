/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '7696a5017f13ab1e'
