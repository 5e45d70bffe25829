import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

const lost: ReadonlySet<string> = new Set(['refused', 'late', 'forked'])

/** Whatever does not count is in the quarantine, with a reason; whatever counts is not. */
export const quarantine: CheckerOf = (world) => ({
  name: 'quarantine',
  end() {
    for (const node of world.alive) {
      if (node.journal.info(food) === undefined) continue
      const listed = new Map(node.journal.quarantine(food, { limit: 100_000 }).map((entry) => [entry.operation.id, entry]))
      for (const { operation, status } of world.placedAt(node, food).values()) {
        if (lost.has(status) !== listed.has(operation.id))
          throw new Broken('quarantine', `${operation.id} is ${status} and ${listed.has(operation.id) ? 'listed' : 'not listed'} at ${nameOf(world, node)}`)
        const entry = listed.get(operation.id)
        if (entry !== undefined && !entry.checks.some(({ result }) => result === 'fail'))
          throw new Broken('quarantine', `${operation.id} is ${status} for no reason at ${nameOf(world, node)}`)
      }
    }
  },
})
