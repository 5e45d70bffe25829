import type { Check, Did, Facts, OperationView } from '@icn/protocol'
import type { ActRule, SpaceProfile } from '../identity/index.ts'
import { keepers, network, stewards } from './tables.ts'

export function networkOf(facts: Facts): { readonly network_id: string; readonly name: string } | undefined {
  return facts.get(network, [])
}

export function isKeeper(facts: Facts, did: Did): boolean {
  const row = facts.get(keepers, [did])
  return row !== undefined && row.ended_at === undefined
}

export function keepersOf(facts: Facts): readonly Did[] {
  return [...facts.scan(keepers)].filter(([, row]) => row.ended_at === undefined).map(([[did]]) => did)
}

function adoptRule(facts: Facts): ActRule {
  const need = Math.floor(keepersOf(facts).length / 2) + 1
  return { need, vote: false, eligible: (did) => (isKeeper(facts, did) ? [] : [{ code: 'NOT_A_KEEPER', result: 'fail', params: { did } }]) }
}

/** What `commons` is to identity and acts: keepers are its nodes, and a majority of them adopts rules. */
export const commonsProfile: SpaceProfile = {
  standing: (facts, did) => (isKeeper(facts, did) ? 'node' : facts.get(stewards, [did]) === undefined ? 'none' : 'member'),
  isKnownNode: isKeeper,
  hosts: keepersOf,
  electorate: () => [],
  recoveryRule: () => undefined,
  actRule: (facts, { kind }) => (kind === 'space.adopt' ? adoptRule(facts) : undefined),
  act: () => undefined,
  rights: (facts, did) => (isKeeper(facts, did) ? ['keeper'] : []),
}

/** Everybody holds `commons`, so strangers may write nothing into it. */
export function strangerTrouble(op: OperationView, facts: Facts): readonly Check[] {
  if (op.kind === 'commons.found' || op.kind === 'space.checkpoint') return []
  return commonsProfile.standing(facts, op.author) === 'none' ? [{ code: 'NO_STANDING', result: 'fail', params: { standing: 'none' } }] : []
}
