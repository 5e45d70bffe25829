import { decodeKey, decodeTrusted, equalBytes, type Finding } from '@icn/protocol'
import { decodeEvents } from './batch-events.ts'
import { contentKey } from './contents.ts'
import type { Engine } from './engine.ts'
import { chainDigestOf, chainSeqOf, digestText, sequenceOf } from './layout.ts'
import { keyBytes, keyText } from './key.ts'
import { addDigest, emptySum, type HeadRecord, statusOfOrder } from './records.ts'
import type { HeldSpace } from './space.ts'

/** Reads everything once and holds the indexes against each other, the chains against their holes, and each module's check against the state. */
export function examineStore(engine: Engine): Finding[] {
  const findings: Finding[] = []
  for (const space of engine.byGenesis.values()) {
    const add = (invariant: string, text: string, evidence: Record<string, unknown> = {}): void => {
      findings.push({ invariant, text, evidence: { space: space.record.space, ...evidence } })
    }
    checkOrder(engine, space, add)
    checkChains(engine, space, add)
    checkEvents(engine, space, add)
    checkRows(engine, space, add)
    if (space.rules === undefined) add('rules', `The space follows rules ${space.record.rules}, which this release does not have; it is served read-only.`)
    else for (const finding of space.rules.check(engine.scratch(space).state)) findings.push({ ...finding, evidence: { space: space.record.space, ...finding.evidence } })
  }
  return findings
}

type Add = (invariant: string, text: string, evidence?: Record<string, unknown>) => void

function checkOrder(engine: Engine, space: HeldSpace, add: Add): void {
  const counts: Record<string, number> = { applied: 0, refused: 0, late: 0, forked: 0, superseded: 0, held: 0 }
  let operations = 0
  for (const [key, bytes] of engine.source.range('order', space.prefix.from, space.prefix.to)) {
    operations++
    const status = statusOfOrder(bytes)
    counts[status] = (counts[status] ?? 0) + 1
    const stored = engine.source.get('operations', key)
    const place = Buffer.from(key, 'latin1').toString('hex')
    if (stored === undefined) add('order', 'An operation of the order has no bytes.', { place })
    else {
      const { id, envelope } = engine.load(space, stored).operation
      if (digestText(id) !== key.slice(12)) add('order', 'An operation’s bytes do not give its id.', { place })
      const isIndexed = engine.source.get('contents', contentKey(space.prefix.from, envelope, key.slice(4))) !== undefined
      if (isIndexed !== (status === 'applied')) add('contents', 'The index of what has taken effect does not fit an operation’s status.', { place })
    }
    const known = engine.source.get('ids', key.slice(12))
    if (known === undefined || keyText(known) !== key.slice(0, 12)) add('order', 'An operation is missing from the index of ids.')
  }
  for (const _ of engine.source.range('held', space.prefix.from, space.prefix.to)) counts['held'] = (counts['held'] ?? 0) + 1
  for (const [status, count] of Object.entries(space.summary.counts))
    if (counts[status] !== count) add('counts', `The summary counts ${count} ${status} operations; there are ${counts[status]}.`)
  let stored = 0
  for (const _ of engine.source.range('operations', space.prefix.from, space.prefix.to)) stored++
  if (stored !== operations) add('order', `${stored} operations are stored, ${operations} have a place.`)
}

function checkChains(engine: Engine, space: HeldSpace, add: Add): void {
  let signer = ''
  let next = 0
  const sums = new Map<string, Uint8Array>()
  for (const [key, mark] of engine.source.range('chains', space.prefix.from, space.prefix.to)) {
    if (mark[0] === 0) continue
    const own = key.slice(4, 36)
    const seq = chainSeqOf(key)
    sums.set(own, addDigest(sums.get(own) ?? emptySum, keyBytes(chainDigestOf(key))))
    if (own !== signer) {
      signer = own
      next = 0
    }
    // A number may stand twice (reissue, fork), but none may be missing.
    if (seq > next) add('chains', `A signer’s chain has a hole before number ${seq}.`, { signer: Buffer.from(own, 'latin1').toString('hex') })
    next = seq + 1
  }
  for (const [key, bytes] of engine.source.range('heads', space.prefix.from, space.prefix.to)) {
    const { seq, sum } = decodeTrusted(bytes) as HeadRecord
    const own = key.slice(4)
    if (seq >= 0 && !equalBytes(sum, sums.get(own) ?? emptySum))
      add('chains', 'The sum over a signer’s operations is not that of the operations.', { signer: Buffer.from(own, 'latin1').toString('hex') })
  }
}

function checkEvents(engine: Engine, space: HeldSpace, add: Add): void {
  let expected = space.summary.events.oldest
  for (const [key, value] of engine.source.range('events', space.prefix.from, space.prefix.to)) {
    const { length } = decodeEvents(value)
    if (sequenceOf(key) - length + 1 !== expected) add('events', `The event log has a hole before ${sequenceOf(key) - length + 1}.`)
    expected = sequenceOf(key) + 1
  }
  if (expected !== space.summary.events.newest + 1) add('events', `The event log ends at ${expected - 1}, the summary says ${space.summary.events.newest}.`)
}

function checkRows(engine: Engine, space: HeldSpace, add: Add): void {
  const tables = new Map((space.rules?.tables ?? []).map((table) => [table.name, table]))
  for (const [key, bytes] of engine.source.range('state', space.prefix.from, space.prefix.to)) {
    let name = '?'
    try {
      const parts = decodeKey(keyBytes(key.slice(4)))
      name = String(parts[0])
      const value = decodeTrusted(bytes)
      const table = tables.get(name)
      if (table === undefined) add('rows', `A row stands in ${name}, which the rules do not have.`)
      else if (!table.value.safeParse(value).success) add('rows', `A row of ${name} does not have the shape that the rules say.`, { key: parts.slice(1) })
    } catch {
      add('rows', `A row of ${name} does not decode.`, { key: Buffer.from(key, 'latin1').toString('hex') })
    }
  }
}
