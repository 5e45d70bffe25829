import { reviewOf } from '@icn/domain'
import type { JournalApi, PlacedOperation } from '@icn/journal'
import type { Clock, OperationId, SpaceId } from '@icn/protocol'
import { type Call, callerDid, defineHandlers, type Handlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { placeOf, quarantineView, settlementOf } from './views.ts'

export type QuarantineMethods = 'quarantine.list' | 'quarantine.get' | 'quarantine.settle' | 'quarantine.reissue'

/** What was validly signed and did not make it into the state, waiting for a person. */
export function quarantineHandlers({ journal }: { readonly journal: JournalApi }): Handlers<QuarantineMethods> {
  return defineHandlers<QuarantineMethods>({
    'quarantine.list': (call) => {
      const { space, state } = call.input
      if (journal.info(space) === undefined) throw refuse('NOT_FOUND')
      const settles = call.rights.has('review.settle')
      const items: PlacedOperation[] = []
      let after = call.page.after as { readonly at: Clock; readonly id: OperationId } | null
      let more = true
      while (items.length < call.page.limit && more) {
        const found = journal.quarantine(space, { limit: 100, ...(after === null ? {} : { after }) })
        more = found.length === 100
        for (const placed of found) {
          if (items.length === call.page.limit) {
            more = true
            break
          }
          after = placeOf(placed)
          if (!settles && !isOwn(journal, call, placed)) continue
          if (state !== undefined && quarantineView(placed, call.facts).state !== state) continue
          items.push(placed)
        }
      }
      return { items: items.map((placed) => quarantineView(placed, call.facts)), next: more ? after : null }
    },
    'quarantine.get': (call) => ({ value: quarantineView(quarantined(journal, call, call.input), call.facts, { lang: call.caller.lang }) }),
    'quarantine.settle': (call) => {
      const { space, operation_id, verdict, note, reissue } = call.input
      const placed = quarantined(journal, call, call.input)
      const settled = settlementOf(placed, call.facts)
      if (settled !== undefined) {
        // A retry settles by itself: only to write down the same is left.
        if (settled.verdict !== verdict || (reissue !== undefined && reissue !== settled.reissue)) throw refuse('QUARANTINE_CLOSED')
        if (reviewIn(call, operation_id)) return { nothing: true, value: quarantineView(placed, call.facts) }
      }
      if (reissue !== undefined && journal.operation(reissue)?.space !== space) throw refuse('REISSUE_UNKNOWN')
      return {
        space,
        kind: 'space.review',
        author: callerDid(call),
        body: { operation: operation_id, verdict, note, ...(reissue === undefined ? {} : { reissue }) },
        view: (facts) => quarantineView(placed, facts),
      }
    },
    'quarantine.reissue': (call) => {
      const placed = quarantined(journal, call, call.input)
      const { space, kind, author } = placed.operation.envelope
      if (author !== callerDid(call)) throw refuse('QUARANTINE_NOT_YOURS')
      const settled = settlementOf(placed, call.facts)
      if (settled?.verdict === 'dismissed') throw refuse('QUARANTINE_CLOSED')
      if (settled !== undefined) return { nothing: true, value: quarantineView(placed, call.facts) }
      if (placed.body === null) throw refuse('QUARANTINE_FORGOTTEN')
      return {
        space,
        kind,
        author,
        body: placed.body,
        view: (facts, again) => quarantineView(again === undefined ? placed : { ...placed, retriedBy: { id: again.operation.id, at: again.operation.envelope.at } }, facts),
      }
    },
  })
}

const reviewIn = ({ facts }: Call, operation: OperationId): boolean => facts !== undefined && reviewOf(facts, operation) !== undefined

/** One's own, or this node's where its operator looks. */
function isOwn({ node }: JournalApi, { caller }: Call, { operation }: PlacedOperation): boolean {
  const { author } = operation.envelope
  return author === caller.did || (caller.operator && author === node)
}

/** What may be settled by this caller: everything with the power, one's own without. */
function quarantined(journal: JournalApi, call: Call, input: { readonly space: SpaceId; readonly operation_id: OperationId }): PlacedOperation {
  const placed = journal.operation(input.operation_id)
  if (placed === undefined || placed.space !== input.space || !(isOwn(journal, call, placed) || call.rights.has('review.settle'))) throw refuse('QUARANTINE_UNKNOWN')
  if (placed.status !== 'refused' && placed.status !== 'late' && placed.status !== 'forked') throw refuse('QUARANTINE_NOT_NEEDED')
  return placed
}
