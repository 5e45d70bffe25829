import type { Did, Facts, KeeperAdd, KeeperRemove, Law, NoBody, Tables } from '@icn/protocol'
import { Judgement, KeeperAdd as AddBody, keepersMax, KeeperRemove as RemoveBody, NoBody as NoBodySchema } from '@icn/protocol'
import type { ActKind } from '../identity/index.ts'
import { isKeeper, keepersNeeded, keepersOf } from './queries.ts'
import { type KeeperRow, keepers, stewards } from './tables.ts'

/** Who makes the commons final. Keepers add and remove each other by a majority that never counts the one it is about; each may leave by itself. */

const add: ActKind<KeeperAdd> = {
  kind: 'commons.keeper.add',
  key: 'D',
  body: AddBody,
  subject: ({ did }) => did,
  check({ body: { did } }, facts) {
    const j = new Judgement()
    const used = keepersOf(facts).length
    j.refuseIf(isKeeper(facts, did), 'KEEPER_EXISTS')
    j.refuseIf(facts.get(stewards, [did]) !== undefined, 'KEEPER_IS_PERSON', { params: { did } })
    j.refuseIf(used >= keepersMax, 'KEEPERS_FULL', { limit: keepersMax, used, params: { limit: keepersMax } })
    return j.checks
  },
  apply({ op, body: { did, label, addresses } }, tables) {
    tables.put(keepers, [did], { label, addresses, since_at: op.at[0] })
    tell(tables, did, 'added')
  },
}

const remove: ActKind<KeeperRemove> = {
  kind: 'commons.keeper.remove',
  key: 'D',
  body: RemoveBody,
  subject: ({ did }) => did,
  check({ body: { did } }, facts) {
    const j = new Judgement()
    if (j.refuseIf(!isKeeper(facts, did), 'KEEPER_UNKNOWN', { params: { did } })) return j.checks
    const [others, need] = [keepersOf(facts).length - 1, keepersNeeded(facts)]
    j.refuseIf(others === 0, 'LAST_KEEPER')
    j.refuseIf(others > 0 && others < need, 'KEEPERS_TOO_FEW', { limit: need, used: others, params: { need, have: others } })
    return j.checks
  },
  apply({ op, body: { did } }, tables) {
    end(tables, did, op.at[0])
    tell(tables, did, 'removed')
  },
}

/** By the node itself, whatever the others think of it. */
export const keeperLeaveLaw: Law<NoBody> = {
  kind: 'commons.keeper.leave',
  key: 'R',
  body: NoBodySchema,
  decide(op, facts) {
    const j = new Judgement()
    const isOne = isKeeper(facts, op.author)
    j.refuseIf(!isOne, 'NOT_A_KEEPER')
    j.refuseIf(isOne && keepersOf(facts).length === 1, 'LAST_KEEPER')
    return j.decision()
  },
  apply(op, tables) {
    end(tables, op.author, op.at[0])
    tell(tables, op.author, 'left')
  },
}

function end(tables: Tables, did: Did, at: number): void {
  tables.put(keepers, [did], { ...(tables.get(keepers, [did]) as KeeperRow), ended_at: at })
}

function tell(tables: Tables & Facts, did: Did, change: 'added' | 'removed' | 'left'): void {
  tables.emit('keeper.changed', { did, change, keepers: keepersOf(tables).length })
}

export const keeperActs: readonly ActKind[] = [add, remove]
