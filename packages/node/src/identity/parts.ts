import type { Did } from '@icn/protocol'

/** What the identity actor's handlers need of the node around them. */
export interface IdentityParts {
  /** Wall clock [ms]. */
  now(): number
  /** Last sign-in of a device that this node remembers [ms]. */
  usedAt?(did: Did, device: Did): number | undefined
}
