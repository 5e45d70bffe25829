import { type Did, equalBytes, type FrameOf } from '@icn/protocol'
import type { ReplicatorParts } from './ports.ts'

/** The first frame of both sides (network page §3). */

export function helloOf({ network, rules, node, instance, release, journal, timing, passFor }: ReplicatorParts, peer: Did): FrameOf<'hello'> {
  const pass = passFor?.(peer)
  return {
    t: 'hello',
    v: 1,
    network_id: network(),
    rules: rules.map(([version, digest]) => [version, digest]),
    node,
    instance,
    release,
    caps: [],
    at: [...journal.clock.last],
    wall: timing.now(),
    ...(pass === undefined ? {} : { pass }),
  }
}

/** Why a peer cannot stay; undefined: it can. Nobody is believed to be another than whose key the handshake has proved. */
export function helloTrouble(parts: ReplicatorParts, peer: Did, { node, network_id, rules, pass }: FrameOf<'hello'>): string | undefined {
  if (node !== peer) return 'FRAME_INVALID'
  const network = parts.network()
  if (network_id !== null && network !== null && network_id !== network) return 'NETWORK_MISMATCH'
  return rulesTrouble(parts.rules, rules) ?? parts.welcome?.(peer, pass)
}

/** Nothing in common, or one version that means two things. */
function rulesTrouble(own: ReplicatorParts['rules'], theirs: FrameOf<'hello'>['rules']): string | undefined {
  const common = own.flatMap(([version, digest]) => theirs.filter(([other]) => other === version).map(([, other]) => equalBytes(digest, other)))
  if (common.length === 0) return 'VERSION_UNSUPPORTED'
  return common.every(Boolean) ? undefined : 'RULES_MISMATCH'
}
