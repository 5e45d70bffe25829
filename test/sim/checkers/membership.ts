import { memberLog } from '@icn/domain'
import type { Did, Facts } from '@icn/protocol'
import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { hostGroups, nameOf } from './convergence.ts'

/** Kinds of which only a member in standing may be the author. */
const members =
  /^(act\.(propose|confirm)|coop\.(member\.(admit|confirm|decline|suspend|reinstate|roles|place|profile|sponsor)|invite\.create|settings\.set|review\.settle|conflict\.settle))$/
const gone: ReadonlySet<unknown> = new Set(['removed', 'banned', 'resigned', 'declined'])

/** Nothing that a removed person has said later counts anywhere. Read from the register's log, which no guard looks at. */
export const membership: CheckerOf = (world) => ({
  name: 'membership',
  end() {
    for (const [node] of hostGroups(world)) {
      const facts = node?.journal.read(food)
      if (node === undefined || facts === undefined) continue
      for (const { operation, status, checks } of world.placedAt(node, food).values()) {
        const { envelope, id } = operation
        if (status !== 'applied' || !members.test(envelope.kind) || checks.some(({ result }) => result === 'done')) continue
        const before = statusBefore(facts, envelope.author, envelope.at[0])
        if (gone.has(before)) throw new Broken('membership', `${envelope.kind} ${id} of somebody who was ${before} counts at ${nameOf(world, node)}`)
      }
    }
  },
})

/** Status in the register before this millisecond; undefined: not in it, or what came last has no order in the log, because one millisecond changed it twice. */
function statusBefore(facts: Facts, did: Did, at: number): unknown {
  const changes = [...memberLog(facts, did)].flatMap((line) => {
    const change = line.at <= at ? line.changes.find(({ field }) => field === 'status') : undefined
    return change === undefined ? [] : [{ at: line.at, after: change.after }]
  })
  const last = Math.max(...changes.map((change) => change.at))
  const [first, ...others] = changes.filter((change) => change.at === last)
  return last === at || others.length > 0 ? undefined : first?.after
}
