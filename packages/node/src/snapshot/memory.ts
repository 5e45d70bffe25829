import type { LocalStore } from '@icn/journal'
import type { OperationId } from '@icn/protocol'
import type { Accepted } from './bodies.ts'
import { type Memory, noMemory } from './rules.ts'

const table = 'snapshot.memory'

/** What the rules of agreement ask a host to remember of a space, in the store's own fsynced rows. */
export const memoryOf = (local: LocalStore, genesis: OperationId) => ({
  recall: (): Memory<Accepted> => (local.get([table, genesis]) as Memory<Accepted> | undefined) ?? noMemory,
  remember(memory: Memory<Accepted>): void {
    local.write([{ key: [table, genesis], value: memory }])
  },
})
