import type { OperationId } from '@icn/protocol'
import { food } from '../coop-world.ts'
import type { SimNode } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

type Held = ReadonlyMap<OperationId, unknown>

/**
 * Whomever a node's own state names as host has all that this node has, also where that host has removed it meanwhile (ruling 15). Otherwise
 * something that was acknowledged is lost to the coop. Two sides that have removed all of each other's hosts tell each other nothing and stay
 * apart until somebody adds one again: that is counted, and nobody's fault.
 */
export const reunion: CheckerOf = (world) => ({
  name: 'reunion',
  end() {
    const holders = world.alive.filter(({ journal }) => journal.info(food) !== undefined)
    const names = (node: SimNode, other: SimNode): boolean => world.hostsAt(node).includes(other.did)
    let isApart = false
    const held = new Map(holders.map((node): [SimNode, Held] => [node, world.placedAt(node, food)]))
    for (const [node, own] of held) {
      for (const [other, theirs] of held) {
        if (isWithin(own, theirs)) continue
        if (names(node, other)) throw new Broken('reunion', `${nameOf(world, other)} is a host by the state of ${nameOf(world, node)}, and lacks some of what is there`)
        if (names(node, node) && names(other, other) && !names(other, node) && !isWithin(theirs, own)) isApart = true
      }
    }
    if (isApart) world.counts.apart++
  },
})

const isWithin = (some: Held, others: Held): boolean => [...some.keys()].every((id) => others.has(id))
