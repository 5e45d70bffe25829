import { type CoopId, type Did, type SpaceId, spaceOfCoop } from '@icn/protocol'
import type { Caller } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'

export type Rights = (did: Did, space: SpaceId) => ReadonlySet<string>

/**
 * Of the node's own matters its operator sees all, and others what concerns a cooperative in which they are this. Undefined: no cooperative was named.
 * Whoever is nothing there hears the same as of one that does not exist.
 */
export function demandInsider({ caller }: { readonly caller: Caller }, coop: CoopId | undefined, rights: Rights, word: string): SpaceId | undefined {
  const space = coop === undefined ? undefined : spaceOfCoop(coop)
  if (caller.operator) return space
  if (space === undefined || caller.did === undefined) throw refuse('OPERATOR_ONLY')
  const held = caller.spaces === undefined || caller.spaces.includes(space) ? rights(caller.did, space) : new Set<string>()
  if (held.size === 0) throw refuse('NOT_FOUND')
  if (!held.has(word)) throw refuse('POWER_MISSING', { power: word, roles: [] })
  return space
}
