import { actStates, countActs, countLiveGrants } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { granteeKinds } from '@icn/protocol'
import type { Metrics } from '../metrics.ts'

/** Sets the gauges of identity and acts, summed over the spaces held here. */
export function measureIdentity(journal: JournalApi, metrics: Metrics, now: number): void {
  const held = journal.spaces().flatMap(({ space }) => journal.read(space) ?? [])
  const grants = held.map((facts) => countLiveGrants(facts, now))
  const acts = held.map((facts) => countActs(facts, now))
  for (const kind of granteeKinds)
    metrics.set(
      'icn_identity_grants',
      grants.reduce((sum, one) => sum + one[kind], 0),
      { kind },
    )
  for (const state of actStates)
    metrics.set(
      'icn_acts',
      acts.reduce((sum, one) => sum + one[state], 0),
      { state },
    )
}
