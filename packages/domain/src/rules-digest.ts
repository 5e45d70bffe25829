/** Digest of this set of laws, written by `./icn generate`. */
export const rulesDigest = '3d0098179de6f789'
