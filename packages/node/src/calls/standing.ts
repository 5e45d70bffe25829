import { actById, actState, coopRules, commonsRules, grantFor, grantState, grantsBy, hasPower, isFrozen, memberAt, rightsOf, rootGrant, rootOf, standingOf } from '@icn/domain'
import { commonsProfile } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { Did, Facts, Power, Rules, SpaceId } from '@icn/protocol'
import { powers, timeText } from '@icn/protocol'
import type { Standing } from './call.ts'

/** Answers about people and keys from the state at the tip. */
export function openStanding(journal: JournalApi, now: () => number, rulesOf: (space: SpaceId) => Rules = (space) => (space === 'commons' ? commonsRules : coopRules)): Standing {
  const wordsOf = (facts: Facts, space: SpaceId, did: Did): ReadonlySet<string> => {
    const at = now()
    const words = new Set<string>()
    if (space === 'commons') {
      // Everybody's: whoever is signed in may read it.
      words.add('observer')
      for (const word of commonsProfile.rights(facts, did, at)) words.add(word)
      if (commonsProfile.standing(facts, did) === 'node') words.add('host')
      return words
    }
    const standing = standingOf(facts, did)
    if (standing !== 'none') words.add(standing === 'node' ? 'host' : standing)
    for (const word of rightsOf(facts, did, at)) words.add(word)
    // A suspended person keeps reading what members read.
    if (standing === 'member' && memberAt(facts, did, at)?.roles.includes('observer')) words.add('observer')
    for (const power of powers) if (hasPower(facts, did, power as Power, at)) words.add(power)
    return words
  }
  return {
    rights(did, space) {
      const facts = journal.read(space)
      return facts === undefined ? new Set() : wordsOf(facts, space, did)
    },
    grant(space, author, signer, kind, atMs) {
      const facts = journal.read(space)
      if (facts === undefined) return author === signer ? null : undefined
      if (rootOf(facts, author) === signer) return rootGrant(facts, author)
      return grantFor(facts, author, signer, kind, atMs)?.id
    },
    keyClass: (space, kind) => rulesOf(space).laws.get(kind)?.key,
    signs(did, signer) {
      const at = now()
      if (did === signer && journal.spaces().every(({ space }) => rootIn(journal, space, did) === did)) return true
      for (const { space } of journal.spaces()) {
        const facts = journal.read(space)
        if (facts === undefined) continue
        if (signer !== did && rootOf(facts, did) === signer) return true
        if (grantsBy(facts, did).some(({ row }) => row.grantee === signer && row.grantee_kind === 'device' && grantState(row, at) === 'live')) return true
      }
      return false
    },
    frozen(did) {
      return journal.spaces().some(({ space }) => {
        const facts = journal.read(space)
        return facts !== undefined && isFrozen(facts, did)
      })
    },
    act(facts, space, id) {
      const act = actById(facts, id)
      if (act === undefined) return undefined
      const { row } = act
      return {
        act_id: id,
        space,
        kind: row.kind,
        state: actState(row, now()),
        proposer: row.proposer,
        need: row.need,
        // Who proposes it stands for it first.
        confirmed: [row.proposer, ...row.confirmed.map(({ did }) => did)],
        expires_at: timeText(row.expires_at),
      }
    },
  }
}

function rootIn(journal: JournalApi, space: SpaceId, did: Did): Did {
  const facts = journal.read(space)
  return facts === undefined ? did : rootOf(facts, did)
}
