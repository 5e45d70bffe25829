import { actsOf, commonsProfile, directory, isKeeper, keepersNeeded, keepersOf, networkOf, stewards, trustEdges } from '@icn/domain'
import type { JournalApi, SpaceInfo } from '@icn/journal'
import { type CommonsStatusView, commonsSpace, type Facts, type NetworkView, timeText } from '@icn/protocol'
import type { Handlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { commonsOf } from './handlers.ts'

/** What a node knows of its network. */

export interface CommonsParts {
  /** Wall clock [ms]. */
  now(): number
  /** How long ago a majority of the keepers, this node counted where it is one, had told nothing that is not here [ms]; undefined: never since the start. */
  knowledgeAge(): number | undefined
  /** Where this node stands beside others that hold it: synced, behind, or alone. */
  sync(): string
  store(): CommonsStatusView['store']
}

export function commonsHandlers(parts: CommonsParts): Handlers<'commons.network' | 'commons.status'> {
  return {
    'commons.network': (_call, journal) => {
      const { facts, info, name, founded_at, founded_by } = here(journal)
      return {
        value: {
          network_id: info.genesis,
          name,
          founded_at: timeText(founded_at),
          founded_by,
          rules: info.rules,
          keepers: [...keepersOf(facts)],
          keepers_needed: keepersNeeded(facts),
          stewards: [...facts.scan(stewards)].map(([[did]]) => did),
          ...known(parts),
        },
      }
    },
    'commons.status': ({ caller }, journal) => {
      const { facts, info, name } = here(journal)
      const { did } = caller
      const value: CommonsStatusView = {
        network_id: info.genesis,
        name,
        you: {
          did: did ?? null,
          standing: did === undefined ? 'none' : commonsProfile.standing(facts, did),
          rights: did === undefined ? [] : [...commonsProfile.rights(facts, did, parts.now())],
        },
        node: { did: journal.node, keeper: isKeeper(facts, journal.node), introduces: commonsProfile.isKnownNode(facts, journal.node) },
        keepers: {
          count: keepersOf(facts).length,
          needed: keepersNeeded(facts),
          changes_open: actsOf(facts, { state: 'open', limit: changesMax }, parts.now()).length,
        },
        counts: { stewards: facts.count(stewards), coops: facts.count(directory), edges: facts.count(trustEdges), operations: info.operations.applied, unfinal: info.unfinal },
        final_until: info.checkpoint === null ? null : timeText(info.checkpoint.cut[0]),
        sync: parts.sync(),
        store: parts.store(),
        ...known(parts),
      }
      return { value }
    },
  }
}

const changesMax = 1_000

interface Here {
  readonly facts: Facts
  readonly info: SpaceInfo
}

function here(journal: JournalApi): Here & NonNullable<ReturnType<typeof networkOf>> {
  const facts = commonsOf(journal)
  const [network, info] = [networkOf(facts), journal.info(commonsSpace)]
  if (network === undefined || info === undefined) throw refuse('STARTING')
  return { facts, info, ...network }
}

function known(parts: CommonsParts): Pick<NetworkView, 'known_at' | 'age_ms'> {
  const age = parts.knowledgeAge()
  return age === undefined ? { known_at: null, age_ms: null } : { known_at: timeText(parts.now() - age), age_ms: Math.floor(age) }
}
