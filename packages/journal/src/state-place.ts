import { type Clock, dayMs } from '@icn/protocol'
import type { Batch } from './batch.ts'
import { indexContent } from './contents.ts'
import { saveCertificate, saveCut, saveFloor, saveFounders, saveLayer, saveSettled } from './cut-records.ts'
import type { Engine } from './engine.ts'
import { keyBytes } from './key.ts'
import { clockText, digestText } from './layout.ts'
import { leavesOwnerChange } from './leaves.ts'
import type { CommitQueue } from './queue.ts'
import { emptySummary, encodeOrder, encodeStored, type Summary } from './records.ts'
import { HeldSpace } from './space.ts'
import type { Proven } from './state-in.ts'
import { shelvedDays } from './states.ts'
import type { SpaceWork } from './work.ts'

/** The one transaction by which a proven state becomes a space; what was here of it is put aside. */
export async function putInPlace(engine: Engine, queue: CommitQueue, demand: () => void, proven: Proven): Promise<void> {
  let isReplaced = false
  // Nothing else belongs into this commit.
  await queue.add(Number.MAX_SAFE_INTEGER, 0, (batch) => {
    demand()
    isReplaced = place(engine, batch, proven)
  })
  // Readers of events must not take what comes now for what they have seen.
  if (isReplaced) engine.turnEpoch()
}

function place(engine: Engine, batch: Batch, proven: Proven): boolean {
  const { arriving, body, certificate, source } = proven
  const held = new HeldSpace(arriving.record, arriving.rules, summaryOf(proven), engine.rows)
  held.floor = body.cut as Clock
  const old = engine.spaces.get(source.space) ?? engine.byGenesis.get(source.genesis)
  if (old !== undefined) engine.writeRecord(batch.overlay, { ...old.record, shelved_until: engine.parts.wall() + shelvedDays * dayMs })
  engine.clock.witness(body.cut as Clock)
  batch.arrive(held, (work) => write(work, proven), certificate)
  return old !== undefined
}

function summaryOf({ arriving, body, record }: Proven): Summary {
  const { last, setDigest } = arriving
  return {
    ...emptySummary,
    counts: { ...emptySummary.counts, applied: 1 },
    final: body.count,
    last,
    tips: last === null ? [] : [last],
    setDigest,
    checkpoint: record,
  }
}

function write(work: SpaceWork, { arriving, first, firstChecks, founders, certificate, body, settled, record, vectors, earlier, leftBehind }: Proven): void {
  const { overlay, prefix } = work
  const stored = ({ operation }: typeof first): Uint8Array => encodeStored(operation.bytes, operation.signature, operation.body)
  overlay.put('operations', prefix + first.place, stored(first))
  overlay.put('order', prefix + first.place, encodeOrder({ status: 'applied', checks: firstChecks }))
  indexContent(overlay, prefix, first, true, false)
  for (const { candidate, status } of leftBehind) {
    overlay.put('operations', prefix + candidate.place, stored(candidate))
    work.leave(candidate, status)
  }
  for (const { map, key, value } of [...arriving.taken, leavesOwnerChange(prefix, { checkpoint: record.id, age: 0 })]) overlay.put(map, key, value)
  saveFounders(work, founders)
  saveFloor(work, body.cut as Clock)
  overlay.put('checkpoints', `${prefix}u`, keyBytes(clockText(body.cut as Clock)))
  saveCertificate(work, stored(certificate))
  for (const { record: other, settled: facts } of earlier) {
    saveSettled(work, digestText(other.operation), facts)
    saveCut(work, other)
  }
  for (const [index, { cut }] of body.layers.entries()) saveLayer(work, cut as Clock, { chain: settled.chains[index + 1] as Uint8Array, vector: vectors[index] as Uint8Array })
  saveSettled(work, certificate.digest, settled)
  saveCut(work, record)
  work.emit('space.finalized', { checkpoint: record.id, cut: [...body.cut], count: body.count }, certificate.operation.id, null)
}
