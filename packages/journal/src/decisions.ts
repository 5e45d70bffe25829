import { randomBytes } from 'node:crypto'
import { decodeTrusted, type Decision, type Did, encodeTrusted, type OperationId, type SpaceId } from '@icn/protocol'
import type { DecisionRecord } from './api.ts'
import { stateKey, textAfter } from './layout.ts'
import type { Overlay } from './overlay.ts'
import type { Source } from './store/port.ts'

/** The bounded local log of refusals: `d` + id → record, `a` + author + id → nothing. Ids rise with time. */

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `dec_` + ULID: 48 bits of milliseconds, 80 random bits, Crockford base32. */
export function newDecisionId(nowMs: number): string {
  let value = 0n
  for (const byte of randomBytes(10)) value = (value << 8n) | BigInt(byte)
  value |= BigInt(nowMs) << 80n
  let text = ''
  for (let shift = 125n; shift >= 0n; shift -= 5n) text += alphabet[Number((value >> shift) & 31n)]
  return `dec_${text}`
}

export interface DecisionContext {
  readonly space: SpaceId
  readonly kind: string
  readonly author: Did
  readonly by: Did
  readonly now: number
  readonly checkpoint: string | null
  readonly head: OperationId | null
}

export function recordOf(id: string, mode: DecisionRecord['mode'], context: DecisionContext, decision: Decision): DecisionRecord {
  const { space, kind, author, by, now, checkpoint, head } = context
  return { id, space, kind, author, by, decided_at: now, mode, state: { checkpoint, head }, outcome: decision.outcome, checks: decision.checks }
}

export function saveDecision(overlay: Overlay, record: DecisionRecord, countMax: number): void {
  overlay.put('decisions', `d${record.id}`, encodeTrusted(plain(record)))
  overlay.put('decisions', `a${stateKey(record.author, [record.id])}`, new Uint8Array(0))
  const counted = overlay.get('meta', 'decisions')
  const count = (counted === undefined ? 0 : (decodeTrusted(counted) as number)) + 1
  overlay.put('meta', 'decisions', encodeTrusted(Math.min(count, countMax)))
  if (count <= countMax) return
  for (const [key, value] of overlay.range('decisions', 'd', 'e')) {
    const oldest = decodeTrusted(value) as DecisionRecord
    overlay.put('decisions', key, null)
    overlay.put('decisions', `a${stateKey(oldest.author, [oldest.id])}`, null)
    return
  }
}

export function readDecision(source: Source, id: string): DecisionRecord | undefined {
  const bytes = source.get('decisions', `d${id}`)
  return bytes === undefined ? undefined : (decodeTrusted(bytes) as DecisionRecord)
}

export function listDecisions(source: Source, filter: { readonly author?: Did; readonly limit: number }): DecisionRecord[] {
  const out: DecisionRecord[] = []
  if (filter.author === undefined) {
    for (const [, value] of source.range('decisions', 'd', 'e', true)) {
      if (out.length >= filter.limit) break
      out.push(decodeTrusted(value) as DecisionRecord)
    }
    return out
  }
  const from = `a${stateKey(filter.author, [])}`
  for (const [key] of source.range('decisions', from, textAfter(from), true)) {
    if (out.length >= filter.limit) break
    // The key's last part is the id: text tag, 30 characters, end mark.
    const record = readDecision(source, key.slice(from.length + 1, -2))
    if (record !== undefined) out.push(record)
  }
  return out
}

/** Drops what has no canonical form (absent fields, bigints become decimal text), so that a record can always be written. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value === undefined ? null : value
  if (Array.isArray(value)) return value.map(plain)
  const out: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) if (inner !== undefined && typeof inner !== 'function') out[key] = plain(inner)
  return out
}

export const codesOf = (decision: Decision): string[] => decision.checks.flatMap((check) => (check.result === 'fail' || check.result === 'done' ? [check.code] : []))
