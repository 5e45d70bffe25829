import type { PlacedOperation } from '@icn/journal'
import type { OperationId, OperationJson, SignedOperationJson, Envelope } from '@icn/protocol'
import { decodeTrusted, toBase64Url } from '@icn/protocol'

/** A value as JSON of the doors: bytes as base64url, bigints as decimal text, absent fields left out. */
export function toJson(value: unknown): unknown {
  if (value === null || value === undefined) return value ?? null
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return value
  if (value instanceof Uint8Array) return toBase64Url(value)
  if (Array.isArray(value)) return value.map(toJson)
  const out: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) if (inner !== undefined && typeof inner !== 'function') out[key] = toJson(inner)
  return out
}

/** Envelope and body as the doors show an operation. */
export function operationJson(envelope: Envelope, body: Uint8Array | null): OperationJson {
  return { ...(toJson(envelope) as Omit<OperationJson, 'body'>), body: body === null ? null : (toJson(decodeTrusted(body)) as OperationJson['body']) } as OperationJson
}

export function signedJson(operation: PlacedOperation['operation']): SignedOperationJson {
  return { ...operationJson(operation.envelope, operation.body), sig: toBase64Url(operation.signature) } as SignedOperationJson
}

/** The operation as an envelope names it. */
export function operationRef(placed: PlacedOperation) {
  const { operation, status, final } = placed
  const { space, kind, at } = operation.envelope
  return { id: operation.id as OperationId, space, kind, status, final, at: [...at] as [number, number] }
}
