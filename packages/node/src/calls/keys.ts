import { createHash } from 'node:crypto'
import type { Did, MethodName } from '@icn/protocol'
import { encodeTrusted, sha256, utf8 } from '@icn/protocol'
import { toJson } from './json.ts'

/** Under what an answer is kept: caller, row, key (doors page §9). */
export function idempotencyKey(author: Did, method: MethodName, key: string): string {
  return `${author}\n${method}\n${key}`
}

/** Digest of what was asked, so that the same key with another input is noticed. */
export function inputDigest(input: unknown): Uint8Array {
  return sha256(encodeTrusted(sorted(toJson(input))))
}

/** The id of what a call creates, when the client chose none: equal on every node it is retried at. */
export function clientKeyOf(author: Did, method: MethodName, key: string): Uint8Array {
  return sha256(utf8(`icn/client-key/1\n${idempotencyKey(author, method, key)}`)).slice(0, 16)
}

/** Tag of state rows: what an ETag and If-Match compare. */
export function tagOf(rows: unknown): string {
  return createHash('sha256')
    .update(encodeTrusted(sorted(toJson(rows))))
    .digest('base64url')
    .slice(0, 27)
}

// DAG-CBOR orders the keys of maps by itself; undefined has no place in it.
const sorted = (value: unknown): unknown => value ?? null
