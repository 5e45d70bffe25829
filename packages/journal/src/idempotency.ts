import { hash } from 'node:crypto'
import { dayMs, decodeTrusted, encodeTrusted, equalBytes, type OperationId } from '@icn/protocol'
import { u48 } from './layout.ts'
import { type KeyText, keyText } from './key.ts'
import type { Overlay } from './overlay.ts'
import type { Source } from './store/port.ts'
import { Refusal } from './refusal.ts'

/** An answer that was given, written in the same transaction as its operation (doors page §9). */
export interface StoredAnswer {
  readonly input: Uint8Array
  readonly at: number
  readonly outcome: 'applied' | 'already_done'
  readonly operation: OperationId | null
  /** Id of the record of an answer that wrote nothing. */
  readonly decision?: string
  /** JSON text of what `answer` said. */
  readonly answer: string | null
}

// r + hash → answer, t + time + hash → nothing.
const rowKey = (key: string): KeyText => keyText(hash('sha256', key, 'buffer'))

export function readAnswer(overlay: Overlay, key: string, input: Uint8Array): StoredAnswer | undefined {
  const bytes = overlay.get('idempotency', `r${rowKey(key)}`)
  if (bytes === undefined) return undefined
  const stored = decodeTrusted(bytes) as StoredAnswer
  if (!equalBytes(stored.input, input)) throw new Refusal('IDEMPOTENCY_KEY_REUSED')
  return stored
}

/** The answer that was given under a key, whatever its input was. */
export function peekAnswer(source: Source, key: string): StoredAnswer | undefined {
  const bytes = source.get('idempotency', `r${rowKey(key)}`)
  return bytes === undefined ? undefined : (decodeTrusted(bytes) as StoredAnswer)
}

export function saveAnswer(overlay: Overlay, key: string, answer: StoredAnswer, days: number): void {
  const row = rowKey(key)
  overlay.put('idempotency', `r${row}`, encodeTrusted(answer))
  overlay.put('idempotency', `t${u48(answer.at)}${row}`, new Uint8Array(0))
  forget(overlay, answer.at - days * dayMs)
}

/** A few old ones go with each new one, so that the map stays bounded without a sweep. */
function forget(overlay: Overlay, before: number): void {
  const old: KeyText[] = []
  for (const [key] of overlay.range('idempotency', 't', `t${u48(Math.max(before, 0))}`)) {
    old.push(key)
    if (old.length === 4) break
  }
  for (const key of old) {
    overlay.put('idempotency', key, null)
    overlay.put('idempotency', `r${key.slice(7)}`, null)
  }
}
