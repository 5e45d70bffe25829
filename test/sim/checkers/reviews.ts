import { cutOf, listInvites, listReviews, memberLog } from '@icn/domain'
import { compareClocks, type CheckpointId, type Facts, type OperationId } from '@icn/protocol'
import { food } from '../coop-world.ts'
import type { SimNode } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { hostGroups, nameOf } from './convergence.ts'

/** An invitation that a removed person made shortly before waits for a review, and nobody comes in by it meanwhile (C7). */
export const reviews: CheckerOf = (world) => ({
  name: 'reviews',
  end() {
    for (const [node] of hostGroups(world)) {
      const facts = node?.journal.read(food)
      if (node === undefined || facts === undefined) continue
      const reviewed = new Map(listReviews(facts).map((row) => [row.op, row]))
      for (const invite of listInvites(facts)) {
        const removal = removalAfter(node, facts, invite.ref)
        if (removal === undefined) continue
        const row = reviewed.get(invite.ref)
        if (row === undefined && !(invite.state === 'cancelled' && invite.used.length === 0))
          throw new Broken('reviews', `invitation ${invite.ref} of a removed person was never put under review at ${nameOf(world, node)}`)
        if (row?.state === 'open' && invite.state === 'open') throw new Broken('reviews', `invitation ${invite.ref} waits for a review and is open at ${nameOf(world, node)}`)
        if (row?.state === 'open' && invite.used.some(({ at }) => at > row.opened_at)) throw new Broken('reviews', `somebody came in by ${invite.ref} while it waited for a review`)
      }
    }
  },
})

/** The last removal of the inviter that stands after the invitation and does not show that its author knew it. */
function removalAfter(node: SimNode, facts: Facts, ref: OperationId): OperationId | undefined {
  const invite = node.journal.operation(ref)?.operation.envelope
  if (invite === undefined) return undefined
  for (const line of memberLog(facts, invite.author)) {
    if (line.at <= invite.at[0]) return undefined
    const isRemoval = line.changes.some(({ field, after }) => (field === 'status' && (after === 'removed' || after === 'banned')) || (field === 'removal' && after !== undefined))
    if (!isRemoval || (line.kind !== 'coop.member.remove' && line.kind !== 'act.confirm' && line.kind !== 'act.propose')) continue
    const body = removalBody(node, line.op)
    if (body === undefined) continue
    const cut = body.cut_seen === undefined ? undefined : cutOf(facts, body.cut_seen)
    if (cut === undefined || compareClocks(invite.at, cut) > 0) return line.op
  }
  return undefined
}

/** What a removal said, whether it was done by one person or confirmed by a second. */
function removalBody(node: SimNode, op: OperationId): { readonly cut_seen?: CheckpointId } | undefined {
  const placed = node.journal.operation(op)
  const body = placed?.body as { ref?: OperationId; kind?: string; body?: { cut_seen?: CheckpointId }; cut_seen?: CheckpointId } | undefined
  switch (placed?.operation.envelope.kind) {
    case 'act.confirm':
      return body?.ref === undefined ? undefined : removalBody(node, body.ref)
    case 'act.propose':
      return body?.kind === 'coop.member.remove' ? body.body : undefined
    case 'coop.member.remove':
      return body
    default:
      return undefined
  }
}
