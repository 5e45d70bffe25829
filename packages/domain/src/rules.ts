import type { Facts, Finding, KeyClass, Law, OperationView, Rules, Table } from '@icn/protocol'
import { checkCommons, commonsProfile, commonsSweepLaw, commonsTables, directoryLaws, foundLaw, keeperActs, keeperLeaveLaw, strangerTrouble } from './commons/index.ts'
import { checkCoop, coopLaws, coopProfile, coopTables } from './coop/index.ts'
import type { SpaceProfile } from './identity/index.ts'
import { actLaws, checkIdentity, directLaw, guard, identityLaws, identityTables } from './identity/index.ts'
import { rulesDigest } from './rules-digest.ts'
import { checkpointOf, checkSpace, spaceLaws, spaceTables } from './space/index.ts'
import { checkTrust, trustLaws, trustTables } from './trust/index.ts'

/** Until 1.0 a set of laws is named by its digest; a node refuses to open a space of another. */
export const rulesVersion = `0-${rulesDigest}`

export interface SpaceParts {
  readonly profile: SpaceProfile
  readonly laws: readonly Law[]
  readonly tables: readonly Table<any, any>[]
  check(facts: Facts): readonly Finding[]
  /** Asked with the guard of identity; for what concerns every kind of this space. */
  guard?(op: OperationView, facts: Facts): ReturnType<Rules['guard']>
}

/** Joins the laws of every space with those of one sort of space. */
export function composeRules(parts: SpaceParts): Rules {
  const laws = new Map<string, Law>()
  const keyOfKind = (kind: string): KeyClass | undefined => laws.get(kind)?.key
  for (const law of [...spaceLaws(rulesVersion), ...identityLaws(parts.profile, keyOfKind), ...actLaws(parts.profile, rulesVersion), ...parts.laws]) {
    if (laws.has(law.kind)) throw new Error(`two laws for ${law.kind}`)
    // The engine verifies the statements of an operation's own kind; inside an act nobody would.
    if (law.statements !== undefined && parts.profile.act(law.kind) !== undefined) throw new Error(`${law.kind} carries statements and cannot be an act`)
    laws.set(law.kind, law)
  }
  const identityGuard = guard(parts.profile)
  const ownGuard = parts.guard
  return {
    version: rulesVersion,
    laws,
    tables: [...spaceTables, ...identityTables, ...parts.tables],
    guard: ownGuard === undefined ? identityGuard : (op, facts) => [...identityGuard(op, facts), ...ownGuard(op, facts)],
    hosts: (facts) => parts.profile.hosts(facts),
    hasLapsed: (facts, host, cut) => parts.profile.hasLapsed(facts, host, cut[0]),
    checkpointOf,
    check: (facts) => [...checkSpace(facts), ...checkIdentity(facts), ...parts.check(facts)],
  }
}

export const commonsRules: Rules = composeRules({
  profile: commonsProfile,
  laws: [foundLaw, ...keeperActs.map((act) => directLaw(commonsProfile, act)), keeperLeaveLaw, ...directoryLaws, commonsSweepLaw, ...trustLaws(commonsProfile)],
  tables: [...commonsTables, ...trustTables],
  check: (facts) => [...checkCommons(facts), ...checkTrust(facts)],
  guard: strangerTrouble,
})

export const coopRules: Rules = composeRules({ profile: coopProfile, laws: coopLaws(), tables: coopTables, check: checkCoop })
