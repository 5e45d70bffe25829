import { decodeFrame } from '@icn/protocol'
import { food } from '../coop-world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { nameOf } from './convergence.ts'

const telling: ReadonlySet<string> = new Set(['ops', 'have', 'vector', 'want'])

/** No operation, state or vector of a private space leaves for a node that the sender's own state does not name as active host at that moment (N1). */
export const privacy: CheckerOf = (world) => {
  const before = world.network.tap
  let broken: Broken | undefined
  world.network.tap = (from, to, bytes) => {
    const sender = world.nodeOf(from)
    // Most frames go where anything may go.
    const isOpen = sender === undefined || world.facts(sender) === undefined || world.hostsAt(sender).includes(to)
    const frame = isOpen ? undefined : decodeFrame(bytes)
    if (sender !== undefined && frame !== undefined && telling.has(frame.t) && 'space' in frame && frame.space === food) {
      if (frame.t !== 'vector' || frame.entries.length > 0)
        broken ??= new Broken('privacy', `${nameOf(world, sender)} sent ${frame.t} to ${to.slice(-6)}, which its state does not name as host`)
    }
    return before === undefined ? bytes : before(from, to, bytes)
  }
  const look = (): void => {
    if (broken !== undefined) throw broken
  }
  return { name: 'privacy', step: look, end: look }
}
