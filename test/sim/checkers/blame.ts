import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

/** No honest node is ever reported, whatever others do (N4), and no part of a node has failed. */
export const blame: CheckerOf = (world) => {
  const look = (): void => {
    for (const { by, kind, peer, detail } of world.reports) {
      const [accused, reporter] = [world.nodeOf(peer), world.nodeOf(by)]
      if (accused !== undefined && reporter !== undefined && !world.hostile.has(peer))
        throw new Broken('blame', `${nameOf(world, reporter)} reports ${nameOf(world, accused)}: ${kind}, ${detail}`)
    }
    const [fault] = world.faults
    if (fault !== undefined) throw new Broken('blame', `a part failed: ${describe(fault)}`)
  }
  return { name: 'blame', step: look, end: look }
}

function describe(fault: unknown): string {
  const parts = Array.isArray(fault) ? fault : [fault]
  return parts.map((part: unknown) => (part instanceof Error ? (part.stack ?? part.message) : String(part))).join(' ')
}
