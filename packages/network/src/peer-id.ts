import { type Did, didOfKey, isDid, keyOfDid } from '@icn/protocol'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { NetworkTrouble } from './wire.ts'

/** A DID and a peer id are two spellings of one Ed25519 key. Refuses NODE_KEY_UNSUPPORTED every other kind of key, and points that anybody could sign for. */
export function didOfPeer(peer: PeerId): Did {
  if (peer.type === 'Ed25519') {
    const did = didOfKey(peer.publicKey.raw)
    if (isDid(did)) return did
  }
  throw new NetworkTrouble('NODE_KEY_UNSUPPORTED', `${peer} has a key that is not a good Ed25519 key`)
}

/** A multiaddr with whom to expect there. */
export const peerAddress = (address: string, did: Did): string => `${address}/p2p/${peerOfDid(did)}`

export const peerOfDid = (did: Did): PeerId => peerIdFromPublicKey(publicKeyFromRaw(keyOfDid(did)))

/** True if a's public key, read as bytes, comes before b's. Both sides of a connection find the same. */
export const isLowerKey = (a: Did, b: Did): boolean => Buffer.compare(keyOfDid(a), keyOfDid(b)) < 0
