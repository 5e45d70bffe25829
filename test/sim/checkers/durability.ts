import type { SimNode } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

/** What somebody was told is written is there after every crash; when it no longer counts, the quarantine says why. */
export const durability: CheckerOf = (world) => {
  const demand = (node: SimNode): void => {
    for (const { node: told, space, id, status } of world.acknowledged) {
      if (told !== node) continue
      const placed = node.journal.operation(id)
      if (placed === undefined) throw new Broken('durability', `${id} was written at ${nameOf(world, node)} and is gone`)
      if (placed.status === status || placed.status === 'applied') continue
      const listed = node.journal.quarantine(space, { limit: 100_000 }).find(({ operation }) => operation.id === id)
      if (listed === undefined && placed.status !== 'superseded')
        throw new Broken('durability', `${id} was ${status} at ${nameOf(world, node)}, is ${placed.status}, and no quarantine lists it`)
      if (listed?.checks.every(({ result }) => result !== 'fail')) throw new Broken('durability', `${id} is in the quarantine without a reason`)
    }
  }
  world.startListeners.push(demand)
  return {
    name: 'durability',
    end() {
      for (const node of world.alive) demand(node)
    },
  }
}
