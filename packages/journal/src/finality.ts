import { createHash } from 'node:crypto'
import {
  type Clock,
  cidOf,
  decodeTrusted,
  type Did,
  didOfKey,
  encodeCanonical,
  encodeTrusted,
  keyOfDid,
  type OperationId,
  type SettledCut,
  type SpaceId,
  statementBytes,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { clockText, type DigestText, digestText, type PlaceText, placeAfter, signerText, u16, u48 } from './layout.ts'
import { type KeyText, keyBytes, keyText, Overlay } from './overlay.ts'
import { type CheckpointRecord, decodeStored } from './records.ts'
import { stateTag, TreeBuilder, vectorTag } from './tree.ts'
import { type FoldHooks, SpaceWork } from './work.ts'

/** Wire form of `space.checkpoint` (snapshot page §3, rulings 24 and 25). */
export interface CheckpointBody {
  readonly ballot: readonly [n: number, key: Uint8Array]
  readonly cut: Clock
  readonly previous?: string
  readonly layers: readonly { readonly cut: Clock; readonly changes?: readonly VectorChange[]; readonly pages?: readonly Uint8Array[] }[]
  readonly layers_digest: Uint8Array
  readonly root: Uint8Array
  readonly count: number
  readonly pairs: number
  readonly size: number
  readonly rules: string
  readonly snapshot_id: Uint8Array
  readonly global_state_root: Uint8Array
  readonly acks: readonly { readonly key: Uint8Array; readonly signature: Uint8Array }[]
  readonly missing: readonly Did[]
}

/** One signer's entry of a vector: key, last number that counts, its operation. */
export type VectorChange = readonly [key: Uint8Array, seq: number, head: OperationId]

/** What an acknowledgement signs, besides purpose and tag. */
export function ackPayload(network: OperationId, space: SpaceId, body: Omit<CheckpointBody, 'acks' | 'missing' | 'layers' | 'snapshot_id' | 'global_state_root'>): Record<string, unknown> {
  const { ballot, cut, previous, layers_digest, root, count, pairs, size, rules } = body
  return { network, space, ballot, cut, ...(previous === undefined ? {} : { previous }), layers_digest, root, count, pairs, size, rules }
}

/** Ruling 24: names a cut by what it says, not by the operation that carried it. */
export function checkpointIdOf(space: SpaceId, genesis: OperationId, body: Pick<CheckpointBody, 'previous' | 'cut' | 'layers_digest' | 'root'>): string {
  return cidOf(encodeCanonical({ space, genesis, previous: body.previous ?? null, cut: body.cut, layers_digest: body.layers_digest, root: body.root }))
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

/** The vector up to the last cut, and what a layer changes in it. */
export class CutVector {
  readonly #work: SpaceWork
  readonly #entries: Map<KeyText, { seq: number; head: OperationId }>

  constructor(work: SpaceWork, changes: readonly VectorChange[] = []) {
    this.#work = work
    this.#entries = new Map(changes.map(([key, seq, head]) => [keyText(key), { seq, head }]))
  }

  /** Last number of a signer that counts; −1 when none does. */
  seqOf(signer: Did): number {
    const key = signerText(signer)
    const entry = this.#entries.get(key)
    if (entry !== undefined) return entry.seq
    const stored = this.#work.overlay.get('checkpoints', `${this.#work.prefix}v${key}`)
    return stored === undefined ? -1 : (decodeTrusted(stored) as { seq: number }).seq
  }

  /** Digest over every signer's entry by rising key, in the shape of the state tree. */
  digest(): Uint8Array {
    const from = `${this.#work.prefix}v`
    const all = new Map<KeyText, { seq: number; head: OperationId }>()
    for (const [key, value] of this.#work.overlay.range('checkpoints', from, `${this.#work.prefix}w`)) all.set(key.slice(from.length), decodeTrusted(value) as { seq: number; head: OperationId })
    for (const [key, entry] of this.#entries) all.set(key, entry)
    const tree = new TreeBuilder(vectorTag)
    for (const [key, { seq, head }] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) tree.add(keyBytes(key), encodeTrusted([seq, head]))
    return tree.end().root
  }

  save(): void {
    for (const [key, entry] of this.#entries) this.#work.overlay.put('checkpoints', `${this.#work.prefix}v${key}`, encodeTrusted(entry))
  }
}

export function layersDigest(layers: readonly { readonly cut: Clock; readonly vector: Uint8Array }[]): Uint8Array {
  const hash = createHash('sha256').update('icn/layers/1\n')
  for (const { cut, vector } of layers) hash.update(keyBytes(`\u0000\u0000${u48(cut[0])}${u16(cut[1])}`)).update(vector)
  return hash.digest()
}

/** Places after the last cut and up to another one, in order. */
export function* stretch(work: SpaceWork, cut: Clock): Generator<PlaceText> {
  const from = work.checkpoint === null ? '' : placeAfter(work.checkpoint.cut)
  for (const [key] of work.overlay.range('order', work.prefix + from, work.prefix + placeAfter(cut))) yield key.slice(4)
}

/** What changes in the vector when everything placed up to the cut counts: forked and late operations do not. */
export function changesUpTo(work: SpaceWork, cut: Clock): { readonly changes: VectorChange[]; readonly count: number } {
  const changes = new Map<Did, VectorChange>()
  let count = 0
  for (const place of stretch(work, cut)) {
    const status = work.statusAt(place)
    if (status === 'forked' || status === 'late') continue
    count++
    const { envelope, id } = work.loadAt(place).operation
    const known = changes.get(envelope.signer)
    if (known === undefined || envelope.seq > known[1] || (envelope.seq === known[1] && status !== 'superseded')) changes.set(envelope.signer, [keyOfDid(envelope.signer), envelope.seq, id])
  }
  return { changes: [...changes.values()].sort(([a], [b]) => Buffer.compare(a, b)), count }
}

/** Takes back, on a dropped overlay, everything after the cut. */
export function rewindTo(work: SpaceWork, cut: Clock): void {
  for (const [key] of work.overlay.range('order', work.prefix + placeAfter(cut), work.space.prefix.to, true)) work.undo(key.slice(4))
}

/** Pairs of the state as a view shows them, for a root. */
export function* statePairs(work: SpaceWork): Generator<readonly [Uint8Array, Uint8Array]> {
  for (const [key, value] of work.overlay.range('state', work.prefix, work.space.prefix.to)) yield [keyBytes(key.slice(4)), value]
}

export function stateRoot(work: SpaceWork): { root: Uint8Array; pairs: number; bytes: number } {
  const tree = new TreeBuilder(stateTag)
  for (const [key, value] of statePairs(work)) tree.add(key, value)
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

export interface Settlement {
  readonly settled: SettledCut
  /** Placed operations that the cut leaves behind. */
  readonly late: readonly PlaceText[]
  readonly vector: readonly VectorChange[]
}

/**
 * The finality step for a checkpoint from elsewhere (engine page §7, snapshot page §9), on overlays that are dropped:
 * set, late ones out, rewind, root, hosts. Nothing of it is real until the law has found the certificate lawful.
 */
export function settle(work: SpaceWork, body: CheckpointBody, acks: readonly Did[], hooks: FoldHooks): Settlement {
  const vector = body.layers.flatMap((layer) => layer.changes ?? [])
  const cutVector = new CutVector(work, vector)
  const late: PlaceText[] = []
  let count = 0
  for (const place of stretch(work, body.cut)) {
    const status = work.statusAt(place)
    if (status === 'forked') continue
    const { envelope } = decodeEnvelope(work, place)
    if (envelope.seq <= cutVector.seqOf(envelope.signer)) count++
    else if (status !== 'late') late.push(place)
  }
  const scratch = new SpaceWork(work.space, new Overlay(work.overlay), hooks, { cached: false })
  scratch.adopt(work)
  scratch.fold([], new Map(late.map((place) => [place, 'late'])))
  rewindTo(scratch, body.cut)
  const { root, pairs, bytes } = stateRoot(scratch)
  const hostsAtCut = work.rules.hosts(scratch.state)
  return {
    late,
    vector,
    settled: {
      root,
      pairs,
      bytes,
      count: (work.checkpoint?.count ?? 0) + count,
      hosts_before: work.checkpoint?.hosts ?? hostsAtCut,
      hosts_at_cut: hostsAtCut,
      acks,
      layers_digest: layersDigest([{ cut: body.cut, vector: cutVector.digest() }]),
    },
  }
}

/** Makes a lawful checkpoint the last cut: everything of its set is final. */
export function adoptCheckpoint(work: SpaceWork, body: CheckpointBody, operation: OperationId, settled: SettledCut, vector: readonly VectorChange[]): CheckpointRecord {
  const id = checkpointIdOf(work.space.record.space, work.space.record.genesis, body)
  const record: CheckpointRecord = { id, cut: body.cut, root: body.root, operation, hosts: settled.hosts_at_cut, count: body.count }
  let final = 0
  for (const place of stretch(work, body.cut)) {
    const status = work.statusAt(place)
    if (status === 'applied' || status === 'refused' || status === 'superseded') final++
  }
  new CutVector(work, vector).save()
  work.final += final
  work.checkpoint = record
  work.due = 0
  for (const [key] of work.overlay.range('order', work.prefix + placeAfter(body.cut), work.space.prefix.to)) {
    if (work.loadAt(key.slice(4)).operation.envelope.kind !== 'space.checkpoint') work.due++
  }
  saveSettled(work, digestText(operation), settled)
  work.overlay.put('checkpoints', `${work.prefix}c${clockText(body.cut)}`, encodeTrusted({ ...record, settled_at: work.hooks.now() }))
  work.overlay.put('checkpoints', `${work.prefix}i${id}`, keyBytes(clockText(body.cut)))
  work.emit('space.finalized', { checkpoint: id, cut: [...body.cut], count: body.count }, operation, 'applied')
  return record
}

/** Facts of a settled cut stay beside it: its law is asked again when something before its place is rewound. */
export function saveSettled(work: SpaceWork, digest: DigestText, settled: SettledCut): void {
  work.overlay.put('checkpoints', `${work.prefix}o${digest}`, encodeTrusted(settled))
}

export function readSettled(work: SpaceWork, digest: DigestText): SettledCut | undefined {
  const bytes = work.overlay.get('checkpoints', `${work.prefix}o${digest}`)
  return bytes === undefined ? undefined : (decodeTrusted(bytes) as SettledCut)
}

/** True when a checkpoint of this id was settled here. */
export function knowsCheckpoint(work: SpaceWork, id: string): boolean {
  return work.overlay.get('checkpoints', `${work.prefix}i${id}`) !== undefined
}

/** Heads that a checkpoint's vector names and that are not placed here. */
export function missingHeads(body: CheckpointBody, isPlaced: (id: OperationId) => boolean): OperationId[] {
  return body.layers.flatMap((layer) => layer.changes ?? []).flatMap(([, , head]) => (isPlaced(head) ? [] : [head]))
}

function decodeEnvelope(work: SpaceWork, place: PlaceText): { envelope: { readonly signer: Did; readonly seq: number } } {
  const stored = work.overlay.get('operations', work.prefix + place) as Uint8Array
  return { envelope: decodeTrusted(decodeStored(stored).bytes) as { signer: Did; seq: number } }
}
