import { createHash } from 'node:crypto'
import { type Clock, type Did, didOfKey, equalBytes, type OperationId, type SettledCut, type SpaceCheckpoint, type SpaceId, statementBytes } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import type { Disposition, FoldHooks } from './candidate.ts'
import { cutOfId, factsOfCut, foundersOf, idOfCut, layerAt, saveCut, saveLayer, saveSettled } from './cut-records.ts'
import { keyBytes, keyText } from './key.ts'
import { type DigestText, digestText, type PlaceText, placeAfter } from './layout.ts'
import { chainAfter, chainStart, type CutLayer, decidedBy, Layers, layersDigest, layersOf } from './layers.ts'
import { Overlay } from './overlay.ts'
import type { CheckpointRecord } from './records.ts'
import { rewindTo, stretch } from './stretch.ts'
import { type StateRoot, stateTag, TreeBuilder } from './tree.ts'
import { atOnce } from './turns.ts'
import { SpaceWork } from './work.ts'

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

/** Pairs of the state as a view shows them, for a root. */
export function* statePairs(work: SpaceWork): Generator<readonly [Uint8Array, Uint8Array]> {
  for (const [key, value] of work.overlay.range('state', work.prefix, work.space.prefix.to)) yield [keyBytes(key.slice(4)), value]
}

export function* stateRoot(work: SpaceWork): Generator<void, StateRoot> {
  const tree = new TreeBuilder(stateTag)
  for (const [key, value] of statePairs(work)) {
    tree.add(key, value)
    yield
  }
  return tree.end()
}

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

/** The state at a cut, and who has to agree to it. */
export interface CutState extends StateRoot {
  readonly count: number
  readonly hostsBefore: readonly Did[]
  readonly hostsAtCut: readonly Did[]
  /** Digest of each layer's vector. */
  readonly vectors: readonly Uint8Array[]
}

/** Layers on the last checkpoint as one state, on a work whose overlay is dropped (snapshot page §9). */
export function* stateOfLayers(work: SpaceWork, layers: readonly CutLayer[], changed: ReadonlyMap<PlaceText, Disposition>, before: readonly Did[]): Generator<void, CutState> {
  const { cut } = layers.at(-1) as CutLayer
  const above = new Layers(work, layers)
  const vectors = above.vectorDigests()
  const count = (work.checkpoint?.count ?? 0) + above.vector.added
  work.fold([], changed)
  return { ...(yield* stateAt(work, cut, before)), count, vectors }
}

function* stateAt(work: SpaceWork, cut: Clock, before: readonly Did[]): Generator<void, StateRoot & Pick<CutState, 'hostsBefore' | 'hostsAtCut'>> {
  yield* rewindTo(work, cut)
  const root = yield* stateRoot(work)
  const hostsAtCut = work.rules.hosts(work.state)
  const lasting = before.filter((did) => work.rules.hasLapsed?.(work.state, did, cut) !== true)
  // Where everybody was replaced, those at the cut speak alone.
  return { ...root, hostsAtCut, hostsBefore: lasting.length > 0 ? lasting : hostsAtCut }
}

/** A work on the same space whose changes are dropped. */
export function scratchOf(work: SpaceWork, hooks: FoldHooks): SpaceWork {
  const scratch = new SpaceWork(work.space, new Overlay(work.overlay), hooks, { cached: false })
  scratch.adopt(work)
  return scratch
}

export interface Settlement {
  readonly settled: SettledCut
  /** Placed operations that the cut decides otherwise: left behind, or the branch or reissue that counts. Undefined: it adds nothing to what is final here. */
  readonly changed: ReadonlyMap<PlaceText, Disposition> | undefined
}

/** What stands for a certificate's layers, one by one; the first is what its predecessor stands for. Undefined: the predecessor is unknown here. */
function chainsOf(work: SpaceWork, body: CheckpointBody): Uint8Array[] | undefined {
  let chain = body.previous === undefined ? chainStart : cutOfId(work, body.previous)?.chain
  if (chain === undefined) return undefined
  const chains = [chain]
  for (const layer of layersOf(body)) {
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
 * Undefined: its predecessor is unknown here.
 */
export function settle(work: SpaceWork, body: CheckpointBody, acks: readonly Did[], hooks: FoldHooks): Settlement | undefined {
  const chains = chainsOf(work, body)
  if (chains === undefined) return undefined
  const layers = layersOf(body)
  const lastChain = work.checkpoint?.chain ?? chainStart
  const common = chains.findIndex((chain) => equalBytes(chain, lastChain))
  const facts = (state: CutState): SettledCut => ({
    root: state.root,
    pairs: state.pairs,
    bytes: state.bytes,
    count: state.count,
    hosts_before: state.hostsBefore,
    hosts_at_cut: state.hostsAtCut,
    acks,
    layers_digest: layersDigest(layers.map(({ cut }, index) => ({ cut, vector: state.vectors[index] as Uint8Array }))),
    chains,
  })
  const earlier = layers.slice(0, common === -1 ? layers.length : common).map(({ cut }) => layerAt(work, cut))
  if (common >= 0 && common < layers.length) {
    const rest = layers.slice(common)
    const changed = atOnce(decidedBy(work, new Layers(work, rest), body.cut))
    const state = atOnce(stateOfLayers(scratchOf(work, hooks), rest, changed, hostsOfPrevious(work, body)))
    return { settled: facts({ ...state, vectors: [...vectorsOf(earlier), ...state.vectors] }), changed }
  }
  // It says less than what is final here, or the same: then its state is a state of the past.
  if (earlier.every((layer, index) => layer !== undefined && equalBytes(layer.chain, chains[index + 1] as Uint8Array))) {
    const past = atOnce(stateAt(scratchOf(work, hooks), body.cut, hostsOfPrevious(work, body)))
    return { settled: facts({ ...past, count: body.count, vectors: vectorsOf(earlier) }), changed: undefined }
  }
  // Whoever signed both, the law has a word for it and needs nothing but the chains.
  return { settled: { ...nothing, acks, chains }, changed: undefined }
}

const vectorsOf = (layers: readonly ({ readonly vector: Uint8Array } | undefined)[]): Uint8Array[] => layers.flatMap((layer) => (layer === undefined ? [] : [layer.vector]))

const nothing = { root: new Uint8Array(32), pairs: 0, bytes: 0, count: 0, hosts_before: [], hosts_at_cut: [], layers_digest: new Uint8Array(32) } as const

/** Makes a lawful checkpoint the last cut: everything of its set is final. */
export function adoptCheckpoint(work: SpaceWork, body: CheckpointBody, operation: OperationId, settled: SettledCut): CheckpointRecord {
  const record = recordOf(work, body, operation, settled)
  const lastChain = work.checkpoint?.chain ?? chainStart
  const rest = layersOf(body).slice(settled.chains.findIndex((chain) => equalBytes(chain, lastChain)))
  const above = new Layers(work, rest)
  const vectors = above.vectorDigests()
  for (const [index, { cut }] of rest.entries())
    saveLayer(work, cut, { chain: settled.chains[settled.chains.length - rest.length + index] as Uint8Array, vector: vectors[index] as Uint8Array })
  let final = 0
  for (const place of stretch(work, body.cut)) {
    const status = work.statusAt(place)
    if (status === 'applied' || status === 'refused' || status === 'superseded') final++
  }
  above.vector.save()
  work.final += final
  work.checkpoint = record
  work.due = 0
  for (const [key] of work.overlay.range('order', work.prefix + placeAfter(body.cut), work.space.prefix.to)) {
    const status = work.statusAt(key.slice(4))
    if (status !== 'late' && status !== 'forked' && work.loadAt(key.slice(4)).operation.envelope.kind !== 'space.checkpoint') work.due++
  }
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

/** Heads that a checkpoint's vector names and that are not placed here. */
export function missingHeads(body: CheckpointBody, isPlaced: (id: OperationId) => boolean): OperationId[] {
  return body.layers.flatMap((layer) => layer.changes ?? []).flatMap(([, , head]) => (isPlaced(head) ? [] : [head]))
}

/** May a certificate with these acknowledgements be lawful? More than half of both host sets. */
export function isCertified({ acks, hosts_before, hosts_at_cut }: SettledCut): boolean {
  return [hosts_before, hosts_at_cut].every((hosts) => 2 * acks.filter((did) => hosts.includes(did)).length > hosts.length)
}
