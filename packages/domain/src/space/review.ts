import type { SpaceReview as Body, Law } from '@icn/protocol'
import { Judgement, SpaceReview } from '@icn/protocol'
import { reviews } from './tables.ts'

/** What somebody decided about an operation in the quarantine. It only writes its row, for any operation (ruling 29): who may say it, and about what, is judged at the door, because the quarantine is a node's own and no state. */
export const reviewLaw: Law<Body> = {
  kind: 'space.review',
  key: 'N',
  body: SpaceReview,
  decide: () => new Judgement().decision(),
  apply(op, tables) {
    const { operation, verdict, note, reissue } = op.body
    tables.put(reviews, [operation], { verdict, note, ...(reissue === undefined ? {} : { reissue }), by: op.author, at: op.at[0], op: op.id })
    tables.emit('quarantine.settled', { operation, how: verdict, by: op.author, ...(reissue === undefined ? {} : { reissue }) })
  },
}
