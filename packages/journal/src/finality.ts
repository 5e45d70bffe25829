import { createHash } from 'node:crypto'
import { compareClocks, type Did, didOfKey, equalBytes, type OperationId, type SettledCut, type SpaceCheckpoint, type SpaceId, statementBytes } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { cutOfId, factsOfCut, foundersOf, idOfCut, layerAt, saveCut, saveLayer, saveSettled } from './cut-records.ts'
import { type Aside, type CutState, scratchOf, stateAt, stateOfLayers } from './cut-state.ts'
import type { Engine } from './engine.ts'
import { keepWithCut } from './kept-leaves.ts'
import { keyText } from './key.ts'
import { type DigestText, digestText } from './layout.ts'
import { chainAfter, chainStart, type CutLayer, type Decided, decidedBy, Layers, layersDigest } from './layers.ts'
import { layersOf } from './pages.ts'
import type { CheckpointRecord } from './records.ts'
import type { Watch } from './space.ts'
import { atOnce } from './turns.ts'
import type { SpaceWork } from './work.ts'

/** Wire form of `space.checkpoint` (snapshot page §3, rulings 24 and 25). A signer may have further entries of lower numbers in a layer: each names which of several reissues of that number counts, where the chain back from the head cannot tell. */
export type CheckpointBody = SpaceCheckpoint

/** What an acknowledgement signs, besides purpose and tag. */
export function ackPayload(
  network: OperationId,
  space: SpaceId,
  body: Omit<CheckpointBody, 'acks' | 'missing' | 'layers' | 'snapshot_id' | 'global_state_root'>,
): Record<string, unknown> {
  const { ballot, cut, previous, layers_digest, root, count, pairs, size, rules } = body
  return { network, space, ballot, cut, ...(previous === undefined ? {} : { previous }), layers_digest, root, count, pairs, size, rules }
}

/** SHA-256 over the acks by rising key: anyone can compute it again. */
export function globalStateRoot(acks: readonly { readonly key: Uint8Array; readonly stateHash: Uint8Array }[]): Uint8Array {
  const sorted = [...acks].sort((a, b) => Buffer.compare(a.key, b.key))
  const count = Buffer.alloc(4)
  count.writeUInt32BE(sorted.length)
  const hash = createHash('sha256').update('icn/global/1\n').update(count)
  for (const { key, stateHash } of sorted) hash.update(key).update(stateHash)
  return hash.digest()
}

/** The network that acknowledgements name. Without `commons` a space stands for itself. */
export const networkOf = (engine: Pick<Engine, 'network'>, { space: { record } }: Pick<SpaceWork, 'space'>): OperationId => engine.network ?? record.genesis

/** Keys whose acknowledgement over this certificate has a valid signature; undefined when one is repeated or wrong. */
export function validAcks(network: OperationId, space: SpaceId, body: CheckpointBody): Did[] | undefined {
  const message = statementBytes('checkpoint', ackPayload(network, space, body))
  const keys = new Set<string>()
  const dids: Did[] = []
  for (const { key, signature } of body.acks) {
    if (keys.has(keyText(key)) || !verifySignature(signature, message, key)) return undefined
    keys.add(keyText(key))
    dids.push(didOfKey(key))
  }
  return dids
}

/** What was found of a certificate from elsewhere, beside the writer. */
export interface Found {
  /** The last checkpoint when it was found; with another one it has to be found again. */
  readonly upon: string | null
  /** For its law; undefined: its acknowledgements do not hold. */
  readonly settled: SettledCut | undefined
  /** Undefined: it adds nothing to what is final here. */
  readonly aside: Aside | undefined
}

/** What stands for a certificate's layers, one by one; the first is what its predecessor stands for. Undefined: the predecessor is unknown here. */
function chainsOf(work: SpaceWork, body: CheckpointBody, layers: readonly CutLayer[]): Uint8Array[] | undefined {
  let chain = body.previous === undefined ? chainStart : cutOfId(work, body.previous)?.chain
  if (chain === undefined) return undefined
  const chains = [chain]
  for (const layer of layers) {
    chain = chainAfter(chain, layer)
    chains.push(chain)
  }
  return chains
}

/** Hosts of the predecessor, whose majority a certificate needs. */
function hostsOfPrevious(work: SpaceWork, { previous }: CheckpointBody): readonly Did[] {
  return (previous === undefined ? foundersOf(work) : cutOfId(work, previous)?.hosts) ?? []
}

/**
 * The finality step for a checkpoint from elsewhere (engine page §7, snapshot page §9), on overlays that are dropped:
 * set, late ones out, rewind, root, hosts. Nothing of it is real until the law has found the certificate lawful.
 */
export function* settle(work: SpaceWork, body: CheckpointBody, acks: readonly Did[], watch: Watch): Generator<void, Omit<Found, 'upon'>> {
  const layers = layersOf(work, body)
  const chains = chainsOf(work, body, layers)
  if (chains === undefined) return { settled: undefined, aside: undefined }
  const lastChain = work.checkpoint?.chain ?? chainStart
  const common = chains.findIndex((chain) => equalBytes(chain, lastChain))
  const facts = (state: CutState, count: number, vectors: readonly Uint8Array[]): SettledCut => ({
    root: state.root,
    pairs: state.pairs,
    bytes: state.bytes,
    count,
    hosts_before: state.hostsBefore,
    hosts_at_cut: state.hostsAtCut,
    acks,
    layers_digest: layersDigest(layers.map(({ cut }, index) => ({ cut, vector: vectors[index] as Uint8Array }))),
    chains,
  })
  const earlier = layers.slice(0, common === -1 ? layers.length : common).map(({ cut }) => layerAt(work, cut))
  const vectorsBefore = earlier.flatMap((layer) => (layer === undefined ? [] : [layer.vector]))
  if (common >= 0 && common < layers.length) {
    const rest = layers.slice(common)
    const decided = yield* decidedBy(work, new Layers(work, rest), body.cut)
    const { vectors, leaves, count, ...state } = yield* stateOfLayers(scratchOf(work), rest, decided, hostsOfPrevious(work, body))
    return { settled: facts(state, count, [...vectorsBefore, ...vectors]), aside: { decided, vectors, leaves, watch } }
  }
  // It says less than what is final here, or the same: then its state is a state of the past.
  if (earlier.every((layer, index) => layer !== undefined && equalBytes(layer.chain, chains[index + 1] as Uint8Array))) {
    const { floor } = work.space
    const hosts = hostsOfPrevious(work, body)
    // Of what came as state nothing can be taken back: such a certificate is believed as far as its majority goes.
    const isBelow = floor !== null && compareClocks(body.cut, floor) < 0
    const state = isBelow ? { root: body.root, pairs: body.pairs, bytes: body.size, hostsBefore: hosts, hostsAtCut: hosts } : yield* stateAt(scratchOf(work), body.cut, hosts)
    return { settled: facts(state, body.count, vectorsBefore), aside: undefined }
  }
  // Whoever signed both, the law has a word for it and needs nothing but the chains.
  return { settled: { ...nothing, acks, chains }, aside: undefined }
}

const nothing = { root: new Uint8Array(32), pairs: 0, bytes: 0, count: 0, hosts_before: [], hosts_at_cut: [], layers_digest: new Uint8Array(32) } as const

/** What layers make of the stretch as this batch has it: mostly as it was found beside the writer. */
export function decidedNow(work: SpaceWork, layers: readonly CutLayer[], { decided, watch }: Aside): Decided {
  const isSame = !watch.isTouched && !work.hasTouched(watch)
  return isSame ? decided : atOnce(decidedBy(work, new Layers(work, layers), watch.cut))
}

/** Makes a lawful checkpoint the last cut: everything of its set is final. What it decides has been folded. */
export function adoptCheckpoint(
  work: SpaceWork,
  body: CheckpointBody,
  operation: OperationId,
  settled: SettledCut,
  decided: Decided,
  { vectors, leaves }: Aside,
): CheckpointRecord {
  const record = recordOf(work, body, operation, settled)
  work.leavesLeft = keepWithCut(work, record.id, leaves) ? undefined : { checkpoint: record.id, leaves }
  const rest = layersOf(work, body).slice(-vectors.length)
  for (const [index, { cut }] of rest.entries())
    saveLayer(work, cut, { chain: settled.chains[settled.chains.length - rest.length + index] as Uint8Array, vector: vectors[index] as Uint8Array })
  new Layers(work, rest).vector.save()
  work.final += decided.final
  work.due -= decided.due
  work.checkpoint = record
  saveSettled(work, digestText(operation), settled)
  saveCut(work, record)
  work.emit('space.finalized', { checkpoint: record.id, cut: [...body.cut], count: body.count }, operation, 'applied')
  return record
}

/** A lawful checkpoint that says nothing new. */
export function rememberCheckpoint(work: SpaceWork, body: CheckpointBody, operation: OperationId, settled: SettledCut): void {
  saveCut(work, recordOf(work, body, operation, settled))
}

function recordOf(work: SpaceWork, body: CheckpointBody, operation: OperationId, settled: SettledCut): CheckpointRecord {
  const chain = settled.chains.at(-1) as Uint8Array
  return { id: idOfCut(work, body), cut: body.cut, root: body.root, operation, hosts: settled.hosts_at_cut, count: body.count, chain }
}

/** A certificate that was settled here with other acknowledgements or another carrier is judged by the same facts. */
export function factsOfKnown(work: SpaceWork, body: CheckpointBody, carrier: DigestText, acks: readonly Did[]): SettledCut | undefined {
  const facts = factsOfCut(work, idOfCut(work, body))
  if (facts === undefined) return undefined
  const known = { ...facts, acks }
  saveSettled(work, carrier, known)
  return known
}

/** May enough hosts stand behind a certificate, as far as is known before everything that it names is here? Only then is what it names asked for. */
export function isBacked(network: OperationId, work: SpaceWork, body: CheckpointBody): boolean {
  const acks = new Set(validAcks(network, work.space.record.space, body))
  const before = hostsOfPrevious(work, body)
  const lasting = before.filter((did) => work.rules.hasLapsed?.(work.state, did, body.cut) !== true)
  return [before, lasting, work.rules.hosts(work.state)].some((hosts) => 2 * hosts.filter((did) => acks.has(did)).length > hosts.length)
}

/** Heads that these layers name and that are not placed here. */
export function missingHeads(layers: readonly CutLayer[], isPlaced: (id: OperationId) => boolean): OperationId[] {
  return layers.flatMap(({ changes }) => changes).flatMap(([, , head]) => (isPlaced(head) ? [] : [head]))
}

/** May a certificate with these acknowledgements be lawful? More than half of both host sets. */
export function isCertified({ acks, hosts_before, hosts_at_cut }: SettledCut): boolean {
  return [hosts_before, hosts_at_cut].every((hosts) => 2 * acks.filter((did) => hosts.includes(did)).length > hosts.length)
}
