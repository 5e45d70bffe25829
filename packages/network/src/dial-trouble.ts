import type { Did } from '@icn/protocol'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { didOfPeer } from './peer-id.ts'
import { NetworkTrouble } from './wire.ts'

export interface Target {
  readonly address: Multiaddr
  readonly id: PeerId
  readonly peer: Did
}

/** The address, and whom it names at its end. Refuses ADDRESS_INVALID, NODE_KEY_UNSUPPORTED. */
export function readTarget(text: string): Target {
  let address: Multiaddr
  let id: PeerId
  try {
    address = multiaddr(text)
    const last = address.getComponents().at(-1)
    if (last?.name !== 'p2p' || last.value === undefined) throw new Error('it does not end in /p2p/<peer id>')
    id = peerIdFromString(last.value)
  } catch (error) {
    throw new NetworkTrouble('ADDRESS_INVALID', `not an address of a node: ${text}`, error)
  }
  return { address, id, peer: didOfPeer(id) }
}

/** Why a dial ended without a connection, from the names of libp2p's errors; their texts may change. */
export function dialTrouble(text: string, error: unknown, late: boolean): NetworkTrouble {
  if (error instanceof NetworkTrouble) return error
  const name = error instanceof Error ? error.name : ''
  if (late) return new NetworkTrouble('DIAL_TIMEOUT', `no answer in time from ${text}`, error)
  // Only our own gate intercepts; the peer's shows as an end right after the handshake.
  if (name === 'ConnectionInterceptedError') return new NetworkTrouble('PEER_NOT_TRUSTED', `this node does not admit the peer at ${text}`, error)
  if (name === 'EncryptionFailedError') return new NetworkTrouble('NO_PATH', `the handshake failed: at ${text} is another node, or none`, error)
  return new NetworkTrouble('NO_PATH', `cannot connect to ${text}`, error)
}
