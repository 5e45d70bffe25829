import type { JournalApi, PlacedOperation } from '@icn/journal'
import type { Clock, OperationId, SpaceId } from '@icn/protocol'
import { type Call, callerDid, defineHandlers, type Handlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { placeOf, quarantineView } from './views.ts'

export type QuarantineMethods = 'quarantine.list' | 'quarantine.get' | 'quarantine.settle'

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
          if (!settles && placed.operation.envelope.author !== call.caller.did) continue
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
      if (quarantineView(placed, call.facts).state !== 'open') throw refuse('QUARANTINE_CLOSED')
      return {
        space,
        kind: 'space.review',
        author: callerDid(call),
        body: { operation: operation_id, verdict, note, ...(reissue === undefined ? {} : { reissue }) },
        view: (facts) => quarantineView(placed, facts),
      }
    },
  })
}

/** What may be settled by this caller: everything with the power, one's own without. */
function quarantined(journal: JournalApi, call: Call, input: { readonly space: SpaceId; readonly operation_id: OperationId }): PlacedOperation {
  const placed = journal.operation(input.operation_id)
  const own = placed?.operation.envelope.author === call.caller.did
  if (placed === undefined || placed.space !== input.space || !(own || call.rights.has('review.settle'))) throw refuse('QUARANTINE_UNKNOWN')
  if (placed.status !== 'refused' && placed.status !== 'late' && placed.status !== 'forked') throw refuse('QUARANTINE_NOT_NEEDED')
  return placed
}
