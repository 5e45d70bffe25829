import { dayMs, type Did, type Facts, hostLapseDays } from '@icn/protocol'
import { keepers, network } from './tables.ts'

export function networkOf(facts: Facts): { readonly network_id: string; readonly name: string; readonly founded_at: number; readonly founded_by: Did } | undefined {
  return facts.get(network, [])
}

export function isKeeper(facts: Facts, did: Did): boolean {
  const row = facts.get(keepers, [did])
  return row !== undefined && row.ended_at === undefined
}

export function keepersOf(facts: Facts): readonly Did[] {
  return [...facts.scan(keepers)].filter(([, row]) => row.ended_at === undefined).map(([[did]]) => did)
}

/** From when on somebody who was keeper at the last cut counts no more [ms]. Whether a keeper left or was sent away, the row does not say; either counts for as long. */
export function keeperLapsesAt(facts: Facts, did: Did): number | undefined {
  const ended = facts.get(keepers, [did])?.ended_at
  return ended === undefined ? undefined : ended + hostLapseDays * dayMs
}

export function keeperHasLapsed(facts: Facts, did: Did, at: number): boolean {
  const lapse = keeperLapsesAt(facts, did)
  return lapse !== undefined && lapse <= at
}

/** How many keepers decide together: more than half of them. */
export const keepersNeeded = (facts: Facts): number => Math.floor(keepersOf(facts).length / 2) + 1
