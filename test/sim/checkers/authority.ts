import { holdersOf } from '@icn/domain'
import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

/** On every node, at every moment, the coop has a steward who can act and a host that holds it (C1). */
export const authority: CheckerOf = (world) => {
  const look = (): void => {
    for (const node of world.alive) {
      const facts = node.journal.read(food)
      if (facts === undefined || world.isForming(facts)) continue
      const at = Math.max(world.time.now() + node.skewMs, node.journal.clock.last[0])
      if (holdersOf(facts, ['steward'], at).length === 0) throw new Broken('authority', `nobody can act as steward at ${nameOf(world, node)}`)
      if (world.hostsAt(node).length === 0) throw new Broken('authority', `no host is left at ${nameOf(world, node)}`)
    }
  }
  return { name: 'authority', step: look, end: look }
}
