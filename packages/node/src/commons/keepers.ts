import { actById, actsOf, keepers, type KeeperRow } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { type ActView, commonsSpace, type Did, type Facts, type KeeperView, type OperationId, timeText } from '@icn/protocol'
import type { Handlers, WritePlan } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { pageOfRows } from '../coop/common.ts'
import { actView } from '../identity/views.ts'
import { commonsOf } from './handlers.ts'

/** Keepers at the doors. Here a node speaks for itself, by the word of its operator: no person is a keeper. */

export interface KeeperParts {
  /** Wall clock [ms]. */
  now(): number
}

type Methods = 'list' | 'changes' | 'add' | 'remove' | 'leave' | 'confirm' | 'withdraw'
export type KeeperMethod = `commons.keeper.${Methods}`

/** Acts that one page looks through: a keeper has at most twenty open, and there are thirty-one. */
const actsMax = 1_000

export function keeperHandlers(parts: KeeperParts): Handlers<KeeperMethod> {
  const showAct =
    (node: Did, id: OperationId) =>
    (facts: Facts): ActView => {
      const act = actById(facts, id)
      if (act === undefined) throw refuse('ACT_UNKNOWN', { act: id })
      return actView(facts, commonsSpace, act, node, parts.now())
    }
  const say = (journal: JournalApi, kind: string, body: object, did: Did): WritePlan<KeeperView> => ({
    space: commonsSpace,
    kind,
    author: journal.node,
    body,
    view: (facts) => keeperOf(facts, did, journal.node),
  })
  const answer = (journal: JournalApi, kind: string, id: OperationId): WritePlan<ActView> => ({
    space: commonsSpace,
    kind,
    author: journal.node,
    body: { ref: id },
    view: showAct(journal.node, id),
  })
  return {
    'commons.keeper.list': (call, journal) => {
      const after = typeof call.page.after === 'string' ? { after: [call.page.after as Did] as const } : {}
      const rows = commonsOf(journal).scan(keepers, { reverse: call.page.reverse, ...after })
      return pageOfRows(
        rows,
        call.page.limit,
        ([[did], row]) => (row.ended_at === undefined || call.input.ended ? keeperView(did, row, journal.node) : undefined),
        ([[did]]) => did,
      )
    },
    'commons.keeper.changes': (call, journal) => {
      const { after, reverse, limit } = call.page
      const facts = commonsOf(journal)
      const open = actsOf(facts, { state: 'open', limit: actsMax }, parts.now())
      const rows = (reverse ? open.toReversed() : open).filter(({ id }) => typeof after !== 'string' || (reverse ? id < after : id > after))
      return pageOfRows(
        rows,
        limit,
        (act) => actView(facts, commonsSpace, act, journal.node, parts.now()),
        ({ id }) => id,
      )
    },
    'commons.keeper.add': ({ input: { did, label, addresses } }, journal) => ({
      ...say(journal, 'commons.keeper.add', { did, label, addresses: [...addresses] }, did),
      location: () => '/v1/commons/keepers',
    }),
    'commons.keeper.remove': ({ input: { did } }, journal) => say(journal, 'commons.keeper.remove', { did }, did),
    'commons.keeper.leave': ({ input: { did } }, journal) => {
      // Nobody leaves for another node.
      if (did !== journal.node) throw refuse('NOT_A_KEEPER')
      return say(journal, 'commons.keeper.leave', {}, did)
    },
    'commons.keeper.confirm': ({ input }, journal) => answer(journal, 'act.confirm', input.operation_id),
    'commons.keeper.withdraw': ({ input }, journal) => answer(journal, 'act.withdraw', input.operation_id),
  }
}

function keeperOf(facts: Facts, did: Did, node: Did): KeeperView {
  const row = facts.get(keepers, [did])
  if (row === undefined) throw refuse('KEEPER_UNKNOWN', { did })
  return keeperView(did, row, node)
}

function keeperView(did: Did, row: KeeperRow, node: Did): KeeperView {
  return {
    did,
    label: row.label,
    addresses: [...row.addresses],
    since_at: timeText(row.since_at),
    ended_at: row.ended_at === undefined ? null : timeText(row.ended_at),
    this_node: did === node,
  }
}
