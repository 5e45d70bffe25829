/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '4247c317831cdadb'
