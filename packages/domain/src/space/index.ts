import type { Law } from '@icn/protocol'
import { checkpointLaw } from './checkpoint.ts'
import { reviewLaw } from './review.ts'

export { applyAdopt, checkAdopt } from './adopt.ts'
export { checkSpace } from './check.ts'
export * from './queries.ts'
export { type AdoptionRow, type CheckpointRow, type SpaceReviewRow, spaceTables } from './tables.ts'

/** Laws of every space; `space.adopt` is an act and comes with the acts. `rules`: the version the space was founded under. */
export function spaceLaws(rules: string): readonly Law[] {
  return [checkpointLaw(rules), reviewLaw]
}
