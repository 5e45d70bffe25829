import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

/** Bytes of one way that have left and not arrived: the buffer of a wire and the credit of its other end. */
const wayBytesMax = 6_291_456
/** Things that one node waits for, for each peer: timers of links, spaces and joins. */
const timersPerWayMax = 40

/** What a world keeps is bounded by the number of nodes and ways, whatever they do (N3). */
export const memory: CheckerOf = (world) => {
  const look = (): void => {
    const ways = world.nodes.length * (world.nodes.length + world.hostile.size)
    const frames = world.network.framesUnderWay
    if (world.time.waiting - frames > ways * timersPerWayMax) throw new Broken('memory', `${world.time.waiting} timers among ${world.nodes.length} nodes`)
    for (const [from, bytes] of world.network.bytesUnderWayMax)
      if (bytes > wayBytesMax && !world.hostile.has(from)) throw new Broken('memory', `${bytes} bytes under way on one wire`)
    for (const node of world.alive) {
      const held = node.journal.info(food)?.operations.held ?? 0
      if (held > 10_000) throw new Broken('memory', `${nameOf(world, node)} holds ${held} operations that have no place`)
      if ((node.running?.replicator.links.length ?? 0) > ways) throw new Broken('memory', `${nameOf(world, node)} has more links than there are ways`)
    }
  }
  return { name: 'memory', step: look, end: look }
}
