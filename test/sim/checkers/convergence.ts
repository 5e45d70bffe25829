import { isDeepStrictEqual } from 'node:util'
import { commonsSpace, type SpaceId } from '@icn/protocol'
import { type CoopWorld, food } from '../coop-world.ts'
import { shown, type SimNode, type World } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'

/** Nodes that name each other as hosts, each in its own state, and are connected, have the same set, statuses, state and vectors (N5, E1). */
export const convergence: CheckerOf = (world) => ({
  name: 'convergence',
  end() {
    for (const group of hostGroups(world)) demandEqual('convergence', food, group)
    demandEqual('convergence', commonsSpace, world.alive)
    for (const node of world.alive) {
      const [finding] = node.journal.doctor()
      if (finding !== undefined) throw new Broken('convergence', `doctor of ${nameOf(world, node)}: ${JSON.stringify(finding)}`)
    }
  },
})

export const nameOf = (world: World, node: SimNode): string => `node ${world.nodes.indexOf(node)}`

/** Groups of nodes that are active hosts in each other's and their own state; a node outside all of them is alone. */
export function hostGroups(world: CoopWorld): readonly (readonly SimNode[])[] {
  const named = new Map(world.alive.map((node) => [node, new Set(world.hostsAt(node))]))
  const groups: SimNode[][] = []
  const seen = new Set<SimNode>()
  for (const node of world.alive) {
    if (seen.has(node)) continue
    const group = [node]
    seen.add(node)
    for (const member of group) {
      for (const other of world.alive) {
        if (seen.has(other) || !named.get(member)?.has(other.did) || !named.get(other)?.has(member.did)) continue
        seen.add(other)
        group.push(other)
      }
    }
    groups.push(group)
  }
  return groups
}

function demandEqual(checker: string, space: SpaceId, nodes: readonly SimNode[]): void {
  const [first, ...others] = nodes
  if (first === undefined) return
  const wanted = shown(first, space)
  for (const other of others) {
    const found = shown(other, space)
    if (!isDeepStrictEqual(found, wanted))
      throw new Broken(checker, `${space} differs between ${nameOf(first.world, first)} and ${nameOf(first.world, other)}: ${difference(wanted, found)}`)
  }
}

/** The first field that differs, in a line. */
function difference(a: unknown, b: unknown): string {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return `${JSON.stringify(a)} and ${JSON.stringify(b)}`
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [one, two] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]]
    if (!isDeepStrictEqual(one, two)) return `${key}: ${difference(one, two)}`
  }
  return 'nothing'
}
