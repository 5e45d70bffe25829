import type { JournalApi, StateReader } from '@icn/journal'
import { compareClocks, type OperationId, type RawOperation, type SpaceId } from '@icn/protocol'

/** Everything final up to a cut, in its order. */
export async function* finalOperations(journal: Pick<JournalApi, 'operations'>, space: SpaceId, cut: StateReader['cut']): AsyncGenerator<readonly RawOperation[]> {
  const limit = 500
  let after: { readonly at: StateReader['cut']; readonly id: OperationId } | undefined
  for (;;) {
    const items = journal.operations(space, { limit, until: cut[0], ...(after === undefined ? {} : { after }) })
    const page = items.filter(({ operation, final }) => final && compareClocks(operation.envelope.at, cut) <= 0)
    if (page.length > 0) yield page.map(({ operation: { bytes, signature, body } }) => ({ envelope: bytes, signature, body }))
    const last = items.at(-1)
    if (last === undefined || items.length < limit) return
    after = { at: last.operation.envelope.at, id: last.operation.id }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
