import { commonsSpace, compareClocks, type Clock, type OperationId, type SpaceId } from '@icn/protocol'
import { food } from '../coop-world.ts'
import type { SimNode } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

/**
 * Whoever reads the events of a node knows the status of every operation: each outcome that changed was told as `operation.revised`,
 * sequences have no holes, nothing final was revised, and what was displaced says what displaced it.
 */
export const events: CheckerOf = (world) => {
  const demand = (node: SimNode, space: SpaceId): void => {
    const where = `${space} at ${nameOf(world, node)}`
    const page = node.journal.events(space, undefined, 1_000_000)
    const placed = world.placedAt(node, space)
    const told = new Map<OperationId, string>()
    const displaced = new Set<OperationId>()
    let cut: Clock | undefined
    let sequence = page.oldest
    for (const event of page.events) {
      if (event.sequence !== sequence++) throw new Broken('events', `a hole before event ${event.sequence} of ${where}`)
      const { operation: id, status, type } = event
      if (id === null || status === null || !type.startsWith('operation.')) continue
      const before = told.get(id)
      const at = placed.get(id)?.operation.envelope.at
      if (type === 'operation.revised') {
        world.counts.revised++
        if (before !== event.data['before']) throw new Broken('events', `${id} of ${where} was ${before} and is revised from ${event.data['before']}`)
        if (cut !== undefined && at !== undefined && compareClocks(at, cut) <= 0 && (before === 'applied' || before === 'refused') && status !== before)
          throw new Broken('events', `${id} of ${where} was final and became ${status}`)
        if (before === 'applied' && status === 'refused') displaced.add(id)
        else displaced.delete(id)
      } else if (before !== undefined && before !== 'held') throw new Broken('events', `${id} of ${where} was ${before} and is told again as ${type}`)
      told.set(id, status)
      if (event.data['kind'] === 'space.checkpoint' && status === 'applied')
        cut = node.journal.info(space)?.checkpoint?.operation === id ? node.journal.info(space)?.checkpoint?.cut : cut
    }
    for (const { operation, status } of placed.values())
      if (told.get(operation.id) !== status) throw new Broken('events', `${operation.id} of ${where} is ${status}, and its last event says ${told.get(operation.id)}`)
    for (const entry of node.journal.quarantine(space, { limit: 100_000 })) {
      if (!displaced.has(entry.operation.id) || entry.status !== 'refused') continue
      if (entry.displacedBy === undefined || node.journal.operation(entry.displacedBy) === undefined)
        throw new Broken('events', `${entry.operation.id} of ${where} was displaced by nothing known`)
    }
  }
  return {
    name: 'events',
    end() {
      for (const node of world.alive) for (const space of [food, commonsSpace]) if (node.journal.info(space) !== undefined) demand(node, space)
    },
  }
}
