import { commonsSpace, compareClocks, type Clock, type SpaceId, toHex } from '@icn/protocol'
import { hostGroups, nameOf } from './convergence.ts'
import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'

/** What is final is final: no two cuts follow one another on one predecessor, no node goes back behind a cut, and who meets agrees on the last one (S1, S2). */
export const finality: CheckerOf = (world) => {
  /** By space and cut: what was settled there, and by whom it was seen first. */
  const settled = new Map<string, { readonly id: string; readonly root: string; readonly by: string }>()
  const last = new Map<string, Clock>()
  const look = (space: SpaceId): void => {
    for (const node of world.alive) {
      const checkpoint = node.journal.info(space)?.checkpoint
      if (checkpoint === null || checkpoint === undefined) continue
      const by = nameOf(world, node)
      const before = last.get(`${space} ${node.did}`)
      if (before !== undefined && compareClocks(checkpoint.cut, before) < 0)
        throw new Broken('finality', `${by} has gone back from the cut ${before} of ${space} to ${checkpoint.cut}`)
      last.set(`${space} ${node.did}`, checkpoint.cut)
      const place = `${space} ${checkpoint.cut}`
      const known = settled.get(place)
      const now = { id: checkpoint.id, root: toHex(checkpoint.root), by }
      if (known === undefined) settled.set(place, now)
      else if (known.id !== now.id || known.root !== now.root) throw new Broken('finality', `${known.by} and ${by} have settled two cuts at ${checkpoint.cut} of ${space}`)
    }
  }
  return {
    name: 'finality',
    step() {
      for (const space of [food, commonsSpace]) look(space)
    },
    end() {
      for (const space of [food, commonsSpace]) look(space)
      world.counts.checkpoints += settled.size
      for (const group of hostGroups(world)) {
        const ids = new Set(group.map(({ journal }) => journal.info(food)?.checkpoint?.id))
        if (ids.size > 1) throw new Broken('finality', `hosts that have met have ${ids.size} last cuts: ${group.map((node) => nameOf(world, node)).join(', ')}`)
      }
    },
  }
}
