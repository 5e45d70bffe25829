import { checkpointIdOf, type Clock, decodeTrusted, type Did, encodeTrusted, type OperationId, type SettledCut, type SpaceCheckpoint } from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { chainDigestOf, chainRange, clockOfPlace, clockText, type DigestText, digestText, signerText, type SpacePrefix } from './layout.ts'
import { idOfDigest, isTrace } from './known.ts'
import type { CheckpointRecord } from './records.ts'
import type { Source } from './store/port.ts'
import type { SpaceWork } from './work.ts'

/** What is kept of settled cuts, in the map `checkpoints`: when each was settled, by id, by the operations that carried them, and layer by layer. */

export const idOfCut = ({ space: { record } }: SpaceWork, body: SpaceCheckpoint): string => checkpointIdOf(record.space, record.genesis, body)

const cutKey = (work: SpaceWork, cut: Clock): KeyText => `${work.prefix}c${clockText(cut)}`
const idKey = (work: SpaceWork, id: string): KeyText => `${work.prefix}i${id}`
const carrierKey = (work: SpaceWork, digest: DigestText): KeyText => `${work.prefix}o${digest}`
const layerKey = (work: SpaceWork, cut: Clock): KeyText => `${work.prefix}y${clockText(cut)}`
const foundingKey = (work: SpaceWork): KeyText => `${work.prefix}f`

/** Facts of a settled cut stay beside the operation that carried it: its law is asked again when something before its place is rewound. */
export function saveSettled(work: SpaceWork, carrier: DigestText, settled: SettledCut): void {
  work.overlay.put('checkpoints', carrierKey(work, carrier), encodeTrusted(settled))
}

export function readSettled(work: SpaceWork, carrier: DigestText): SettledCut | undefined {
  return read<SettledCut>(work, carrierKey(work, carrier))
}

export function saveCut(work: SpaceWork, record: CheckpointRecord): void {
  work.overlay.put('checkpoints', idKey(work, record.id), encodeTrusted(record))
  const key = cutKey(work, record.cut)
  if (work.overlay.get('checkpoints', key) === undefined) work.overlay.put('checkpoints', key, encodeTrusted({ cut: record.cut, settled_at: work.hooks.now() }))
}

/** A checkpoint that was settled here; undefined for any other id. */
export const cutOfId = (work: SpaceWork, id: string): CheckpointRecord | undefined => read<CheckpointRecord>(work, idKey(work, id))

export const knowsCheckpoint = (work: SpaceWork, id: string): boolean => work.overlay.get('checkpoints', idKey(work, id)) !== undefined

/** Facts of a checkpoint that was settled here, whichever operation carried it. */
export function factsOfCut(work: SpaceWork, id: string): SettledCut | undefined {
  const record = cutOfId(work, id)
  return record === undefined ? undefined : readSettled(work, digestText(record.operation))
}

/** What stands for all layers up to this one, and the digest of its vector. */
export interface LayerRecord {
  readonly chain: Uint8Array
  readonly vector: Uint8Array
}

export function saveLayer(work: SpaceWork, cut: Clock, layer: LayerRecord): void {
  work.overlay.put('checkpoints', layerKey(work, cut), encodeTrusted(layer))
}

export const layerAt = (work: SpaceWork, cut: Clock): LayerRecord | undefined => read<LayerRecord>(work, layerKey(work, cut))

/** Hosts in the state after the first operation. */
export const foundersOf = (work: SpaceWork): readonly Did[] => read<Did[]>(work, foundingKey(work)) ?? []

export function saveFounders(work: SpaceWork, hosts: readonly Did[] = work.rules.hosts(work.state)): void {
  work.overlay.put('checkpoints', foundingKey(work), encodeTrusted(hosts))
}

/** The certificate that a state came with, as its operation is stored. */
export const saveCertificate = (work: SpaceWork, stored: Uint8Array): void => work.overlay.put('checkpoints', `${work.prefix}k`, stored)
export const readCertificate = (work: SpaceWork): Uint8Array | undefined => work.overlay.get('checkpoints', `${work.prefix}k`)

/** The cut up to which operations are known by name and place only. */
export const saveFloor = (work: SpaceWork, cut: Clock): void => work.overlay.put('checkpoints', `${work.prefix}h`, keyBytes(clockText(cut)))
export function readFloor(source: Source, prefix: SpacePrefix): Clock | null {
  const floor = source.get('checkpoints', `${prefix.from}h`)
  return floor === undefined ? null : clockOfPlace(keyText(floor))
}

function read<Row>(work: SpaceWork, key: KeyText): Row | undefined {
  const bytes = work.overlay.get('checkpoints', key)
  return bytes === undefined ? undefined : (decodeTrusted(bytes) as Row)
}

/** The operation that bears a signer's number for good: folded and covered by a cut. */
export function finalAt(work: SpaceWork, signer: Did, seq: number): OperationId | undefined {
  const [from, to] = chainRange(work.prefix, signerText(signer), seq)
  for (const [entry, mark] of work.overlay.range('chains', from, to)) {
    if (mark[0] === 0) continue
    const digest = chainDigestOf(entry)
    const clock = keyText(work.overlay.get('ids', digest) as Uint8Array).slice(4)
    const status = work.statusAt(clock + digest)
    if ((status === 'applied' || status === 'refused' || isTrace(work, clock + digest)) && work.isCovered(clockOfPlace(clock))) return idOfDigest(digest)
  }
  return undefined
}
