import { createHash } from 'node:crypto'
import {
  checkpointChangesMax,
  compareClocks,
  checkpointIdOf,
  type Clock,
  decodeTrusted,
  type Did,
  didOfKey,
  encodeTrusted,
  keyOfDid,
  type OperationId,
  type SettledCut,
  type SpaceCheckpoint,
  type SpaceId,
  statementBytes,
  type VectorChange,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { clockOfPlace, clockText, type DigestText, digestText, type PlaceText, placeAfter, signerText, u16, u48 } from './layout.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { Overlay } from './overlay.ts'
import type { CheckpointRecord } from './records.ts'
import { stateTag, TreeBuilder, vectorTag } from './tree.ts'
import { type Disposition, isReissueOf, type FoldHooks } from './candidate.ts'
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

/** The vector up to the last cut, and what a layer changes in it. */
export class CutVector {
  readonly #work: SpaceWork
  readonly #entries = new Map<KeyText, { seq: number; head: OperationId }>()
  readonly #pins = new Map<KeyText, Map<number, OperationId>>()

  constructor(work: SpaceWork, changes: readonly VectorChange[] = []) {
    this.#work = work
    for (const [key, seq, head] of changes) {
      const text = keyText(key)
      const pins = this.#pins.get(text) ?? new Map<number, OperationId>()
      this.#pins.set(text, pins.set(seq, head))
      if (seq > (this.#entries.get(text)?.seq ?? -1)) this.#entries.set(text, { seq, head })
    }
  }

  /** Last number of a signer that counts, with its operation; undefined when none does. */
  entryOf(signer: Did): { readonly seq: number; readonly head: OperationId } | undefined {
    const key = signerText(signer)
    return this.#entries.get(key) ?? this.#stored(key)
  }

  /** Operations this layer adds: numbers, so that a reissue counts once. */
  get added(): number {
    let added = 0
    for (const [key, { seq }] of this.#entries) added += seq - (this.#stored(key)?.seq ?? -1)
    return added
  }

  /** The operations of a signer that count, from the head back to the last cut: by `prev`, except where an entry names another reissue. */
  chosen(signer: Did): Map<number, OperationId> {
    const key = signerText(signer)
    const floor = this.#stored(key)?.seq ?? -1
    const out = new Map<number, OperationId>()
    let entry: { seq: number; head: OperationId | null } | undefined = this.#entries.get(key)
    while (entry?.head != null && entry.seq > floor) {
      const id: OperationId = this.#pins.get(key)?.get(entry.seq) ?? entry.head
      out.set(entry.seq, id)
      entry = { seq: entry.seq - 1, head: this.#work.operationOf(id)?.envelope.prev ?? null }
    }
    return out
  }

  /** Digest over every signer's entry by rising key, in the shape of the state tree. */
  digest(): Uint8Array {
    const from = `${this.#work.prefix}v`
    const all = new Map<KeyText, { seq: number; head: OperationId }>()
    for (const [key, value] of this.#work.overlay.range('checkpoints', from, `${this.#work.prefix}w`))
      all.set(key.slice(from.length), decodeTrusted(value) as { seq: number; head: OperationId })
    for (const [key, entry] of this.#entries) all.set(key, entry)
    const tree = new TreeBuilder(vectorTag)
    for (const [key, { seq, head }] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) tree.add(keyBytes(key), encodeTrusted([seq, head]))
    return tree.end().root
  }

  save(): void {
    for (const [key, entry] of this.#entries) this.#work.overlay.put('checkpoints', `${this.#work.prefix}v${key}`, encodeTrusted(entry))
  }

  #stored(key: KeyText): { readonly seq: number; readonly head: OperationId } | undefined {
    const stored = this.#work.overlay.get('checkpoints', `${this.#work.prefix}v${key}`)
    return stored === undefined ? undefined : (decodeTrusted(stored) as { seq: number; head: OperationId })
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
export function changesUpTo(work: SpaceWork, cut: Clock): VectorChange[] {
  const heads = new Map<Did, VectorChange>()
  const reissued = new Map<string, { readonly signer: Did; readonly seq: number }>()
  const counted = new Map<string, OperationId>()
  for (const place of stretch(work, cut)) {
    const status = work.statusAt(place)
    if (status === 'forked' || status === 'late') continue
    const { envelope, id } = work.loadAt(place).operation
    // A certificate of a key that was used twice stands, but its chain does not lead anywhere.
    if (envelope.seq >= (work.head(envelope.signer)?.fork ?? Number.POSITIVE_INFINITY)) continue
    const number = `${envelope.signer} ${envelope.seq}`
    if (status === 'superseded') {
      reissued.set(number, envelope)
      continue
    }
    counted.set(number, id)
    if (envelope.seq > (heads.get(envelope.signer)?.[1] ?? -1)) heads.set(envelope.signer, [keyOfDid(envelope.signer), envelope.seq, id])
  }
  const changes = [...heads.values()]
  for (const [number, { signer, seq }] of reissued) {
    const id = counted.get(number)
    if (id !== undefined && heads.get(signer)?.[1] !== seq) changes.push([keyOfDid(signer), seq, id])
  }
  return changes.sort((a, b) => Buffer.compare(a[0], b[0]) || a[1] - b[1])
}

/**
 * The latest cut at or before the wanted one whose changes fit into one operation. A stretch with more signers is made final in several cuts.
 * Undefined when not even the first clock fits.
 */
export function boundedCut(work: SpaceWork, wanted: Clock): Clock | undefined {
  const signers = new Set<Did>()
  let entries = 0
  let fits: Clock | undefined
  let running: Clock | undefined
  for (const place of stretch(work, wanted)) {
    const at = clockOfPlace(place)
    if (running !== undefined && compareClocks(at, running) !== 0) fits = running
    running = at
    const status = work.statusAt(place)
    if (status === 'forked' || status === 'late') continue
    const { signer } = work.loadAt(place).operation.envelope
    // A reissue may need an entry of its own.
    if (!signers.has(signer) || status === 'superseded') entries++
    signers.add(signer)
    if (entries > checkpointChangesMax) return fits
  }
  return wanted
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
  /** Placed operations that the cut decides otherwise: left behind, or the branch or reissue that counts. */
  readonly changed: ReadonlyMap<PlaceText, Disposition>
}

/**
 * The finality step for a checkpoint from elsewhere (engine page §7, snapshot page §9), on overlays that are dropped:
 * set, late ones out, rewind, root, hosts. Nothing of it is real until the law has found the certificate lawful.
 */
export function settle(work: SpaceWork, body: CheckpointBody, acks: readonly Did[], hooks: FoldHooks): Settlement {
  const vector = new CutVector(
    work,
    body.layers.flatMap((layer) => layer.changes ?? []),
  )
  const changed = decidedBy(work, body.cut, vector)
  const scratch = new SpaceWork(work.space, new Overlay(work.overlay), hooks, { cached: false })
  scratch.adopt(work)
  scratch.fold([], changed)
  rewindTo(scratch, body.cut)
  const { root, pairs, bytes } = stateRoot(scratch)
  const hostsAtCut = work.rules.hosts(scratch.state)
  return {
    changed,
    settled: {
      root,
      pairs,
      bytes,
      count: (work.checkpoint?.count ?? 0) + vector.added,
      hosts_before: hostsBefore(work) ?? hostsAtCut,
      hosts_at_cut: hostsAtCut,
      acks,
      layers_digest: layersDigest([{ cut: body.cut, vector: vector.digest() }]),
    },
  }
}

/** Hosts whose majority the next checkpoint needs: of the last cut, or before any cut those of the first operation. */
export function hostsBefore(work: SpaceWork): readonly Did[] | undefined {
  if (work.checkpoint !== null) return work.checkpoint.hosts
  const founding = work.overlay.get('checkpoints', `${work.prefix}f`)
  return founding === undefined ? undefined : (decodeTrusted(founding) as Did[])
}

/** R6 and R7: what each placed operation up to the cut becomes, where it is not that already. */
function decidedBy(work: SpaceWork, cut: Clock, vector: CutVector): Map<PlaceText, Disposition> {
  const changed = new Map<PlaceText, Disposition>()
  const chains = new Map<Did, Map<number, OperationId>>()
  for (const place of [...stretch(work, cut)]) {
    const status = work.statusAt(place)
    const { operation, body } = work.loadAt(place)
    const { envelope, id } = operation
    if (envelope.kind === 'space.checkpoint' && status === 'applied' && knowsCheckpoint(work, idOfCut(work, body as CheckpointBody))) continue
    if (envelope.seq > (vector.entryOf(envelope.signer)?.seq ?? -1)) {
      if (status === 'applied' || status === 'refused') changed.set(place, 'late')
      continue
    }
    if (!chains.has(envelope.signer)) chains.set(envelope.signer, vector.chosen(envelope.signer))
    const counts = chains.get(envelope.signer)?.get(envelope.seq) ?? work.finalAt(envelope.signer, envelope.seq)
    if (counts === id) {
      if (status !== 'applied' && status !== 'refused') changed.set(place, 'fold')
      continue
    }
    const other = counts === undefined ? undefined : work.operationOf(counts)?.envelope
    const wanted = other !== undefined && isReissueOf(envelope, other) ? 'superseded' : 'forked'
    if (status !== wanted) changed.set(place, wanted)
  }
  return changed
}

/** Makes a lawful checkpoint the last cut: everything of its set is final. */
export function adoptCheckpoint(work: SpaceWork, body: CheckpointBody, operation: OperationId, settled: SettledCut): CheckpointRecord {
  const id = idOfCut(work, body)
  const record: CheckpointRecord = { id, cut: body.cut, root: body.root, operation, hosts: settled.hosts_at_cut, count: body.count }
  let final = 0
  for (const place of stretch(work, body.cut)) {
    const status = work.statusAt(place)
    if (status === 'applied' || status === 'refused' || status === 'superseded') final++
  }
  new CutVector(
    work,
    body.layers.flatMap((layer) => layer.changes ?? []),
  ).save()
  work.final += final
  work.checkpoint = record
  work.due = 0
  for (const [key] of work.overlay.range('order', work.prefix + placeAfter(body.cut), work.space.prefix.to)) {
    const status = work.statusAt(key.slice(4))
    if (status !== 'late' && status !== 'forked' && work.loadAt(key.slice(4)).operation.envelope.kind !== 'space.checkpoint') work.due++
  }
  saveSettled(work, digestText(operation), settled)
  work.overlay.put('checkpoints', `${work.prefix}c${clockText(body.cut)}`, encodeTrusted({ ...record, settled_at: work.hooks.now() }))
  work.overlay.put('checkpoints', `${work.prefix}i${id}`, keyBytes(clockText(body.cut)))
  work.emit('space.finalized', { checkpoint: id, cut: [...body.cut], count: body.count }, operation, 'applied')
  return record
}

export const idOfCut = ({ space: { record } }: SpaceWork, body: CheckpointBody): string => checkpointIdOf(record.space, record.genesis, body)

/** Facts of a settled cut stay beside it: its law is asked again when something before its place is rewound. */
export function saveSettled(work: SpaceWork, digest: DigestText, settled: SettledCut): void {
  work.overlay.put('checkpoints', `${work.prefix}o${digest}`, encodeTrusted(settled))
}

export function readSettled(work: SpaceWork, digest: DigestText): SettledCut | undefined {
  const bytes = work.overlay.get('checkpoints', `${work.prefix}o${digest}`)
  return bytes === undefined ? undefined : (decodeTrusted(bytes) as SettledCut)
}

/** Facts of a checkpoint that was settled here, whichever operation carried it. */
export function factsOfCut(work: SpaceWork, cut: Clock): SettledCut {
  const record = decodeTrusted(work.overlay.get('checkpoints', `${work.prefix}c${clockText(cut)}`) as Uint8Array) as CheckpointRecord
  return readSettled(work, digestText(record.operation)) as SettledCut
}

/** True when a checkpoint of this id was settled here. */
export function knowsCheckpoint(work: SpaceWork, id: string): boolean {
  return work.overlay.get('checkpoints', `${work.prefix}i${id}`) !== undefined
}

/** Heads that a checkpoint's vector names and that are not placed here. */
export function missingHeads(body: CheckpointBody, isPlaced: (id: OperationId) => boolean): OperationId[] {
  return body.layers.flatMap((layer) => layer.changes ?? []).flatMap(([, , head]) => (isPlaced(head) ? [] : [head]))
}
