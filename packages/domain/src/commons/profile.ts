import type { Check, Did, Facts, OperationView } from '@icn/protocol'
import type { ActKind, ActRule, SpaceProfile } from '../identity/index.ts'
import { keeperActs } from './keepers.ts'
import { isKeeper, keeperHasLapsed, keepersNeeded, keepersOf } from './queries.ts'
import { controlled, hosted, stewards } from './tables.ts'

/** Keepers, and the hosts that active coops of the directory name. */
export const isKnownNode = (facts: Facts, did: Did): boolean => isKeeper(facts, did) || [...facts.scan(hosted, { prefix: [did], limit: 1 })].length > 0

function standingOf(facts: Facts, did: Did): ReturnType<SpaceProfile['standing']> {
  if (isKnownNode(facts, did)) return 'node'
  if (facts.get(stewards, [did]) !== undefined) return 'member'
  return [...facts.scan(controlled, { prefix: [did], limit: 1 })].length > 0 ? 'invited' : 'none'
}

function keepersRule(facts: Facts): ActRule {
  return { need: keepersNeeded(facts), vote: false, eligible: (did) => (isKeeper(facts, did) ? [] : [{ code: 'NOT_A_KEEPER', result: 'fail', params: { did } }]) }
}

const actOf = (kind: string): ActKind | undefined => keeperActs.find((act) => act.kind === kind)

/** What `commons` is to identity and acts: keepers are its nodes, and a majority of them adopts rules and says who is a keeper. */
export const commonsProfile: SpaceProfile = {
  standing: standingOf,
  isKnownNode,
  hosts: keepersOf,
  hasLapsed: keeperHasLapsed,
  electorate: () => [],
  recoveryRule: () => undefined,
  actRule: (facts, { kind }) => (kind === 'space.adopt' || actOf(kind) !== undefined ? keepersRule(facts) : undefined),
  act: actOf,
  rights(facts, did): ReturnType<SpaceProfile['rights']> {
    if (isKeeper(facts, did)) return ['keeper']
    const standing = standingOf(facts, did)
    return standing === 'member' ? ['member'] : standing === 'invited' ? ['controller'] : []
  },
}

/** What somebody without a part in `commons` may say: their own laws ask who it is. */
const openToStrangers: ReadonlySet<string> = new Set(['commons.found', 'space.checkpoint', 'commons.coop.reserve', 'commons.coop.register'])

/** Everybody holds `commons`, so strangers may write next to nothing into it. */
export function strangerTrouble(op: OperationView, facts: Facts): readonly Check[] {
  if (openToStrangers.has(op.kind)) return []
  return commonsProfile.standing(facts, op.author) === 'none' ? [{ code: 'NO_STANDING', result: 'fail', params: { standing: 'none' } }] : []
}
