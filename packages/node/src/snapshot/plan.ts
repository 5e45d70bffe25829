import { type Clock, compareClocks, type Did, type SnapshotPurpose } from '@icn/protocol'
import { type Accepted, strippedOf } from './bodies.ts'
import type { SpaceSnapshotsParts } from './ports.ts'
import { isEnough, type Memory } from './rules.ts'
import type { Unserved } from './unserved.ts'

/** What a coordinator means to do. */
export interface Plan {
  readonly lagMs: number
  readonly purpose: SnapshotPurpose
  /** Nobody asked for it: it cuts off nobody who is away for a little (ruling 28). */
  readonly isAutomatic: boolean
  /** How often it begins again without those who do not answer. */
  readonly retries: number
}

export const planned: Plan = { lagMs: 0, purpose: 'checkpoint', isAutomatic: false, retries: 1 }

type Parts = Pick<SpaceSnapshotsParts, 'cuts' | 'space' | 'node' | 'horizon'>

/** This node and the others, without those who hold cuts up where the rest is enough. Undefined: they are not enough. */
export function listedFor({ cuts, space, node }: Parts, participants: readonly Did[], unserved: Unserved): Did[] | undefined {
  const { before, now } = cuts.hosts(space)
  const all = [...new Set([node, ...participants])].sort()
  const prompt = all.filter((did) => !unserved.has(did))
  return [prompt, all].find((listed) => isEnough(new Set(listed), before, now))
}

/** Where the cut lies: never before what this node has acknowledged and does not know to be decided (R5). Undefined: nothing is due. */
export async function cutFor(
  { cuts, space, horizon }: Parts,
  { lagMs, isAutomatic }: Plan,
  listed: readonly Did[],
  memory: Memory<Accepted>,
  unserved: Unserved,
): Promise<Clock | undefined> {
  const due = await cuts.due(space, lagMs, listed.length)
  const latest = isAutomatic ? horizon((did) => listed.includes(did) || unserved.has(did)) : undefined
  const capped = due !== undefined && latest !== undefined && compareClocks(latest, due) < 0 ? latest : due
  const last = cuts.hosts(space).cut
  const isNews = capped !== undefined && (last === null || compareClocks(capped, last) > 0)
  return laterOf(isNews ? capped : undefined, strippedOf(cuts, space, memory.accepted)?.cut)
}

const laterOf = (a: Clock | undefined, b: Clock | undefined): Clock | undefined => (a === undefined || (b !== undefined && compareClocks(b, a) > 0) ? b : a)
