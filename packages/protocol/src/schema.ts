import { z } from 'zod'
import { assertPlain, decodeTrusted, encodeCanonical, equalBytes, fromBase64Url, isCid, NotCanonical } from './canonical.ts'
import { isDid } from './did.ts'
import type { CharterHash, CheckpointId, CoopId, Did, OperationId, SpaceId } from './ids.ts'
import type { Clock } from './units.ts'

/**
 * Building blocks of every schema. One schema serves signed bytes, table rows and the doors' JSON:
 * byte fields take bytes or their base64url text, everything else is the same in both.
 */

const codePoints = (text: string): number => {
  let n = 0
  for (const _ of text) n++
  return n
}

/** NFC text of min..max Unicode code points; control characters other than tab and line feed are refused. */
export function text(min: number, max: number): z.ZodType<string> {
  return (
    z
      .string()
      .max(max * 2 + 2)
      .refine((value) => value.isWellFormed() && value.normalize('NFC') === value, { message: 'text must be in Unicode normalisation form C' })
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
      .refine((value) => !/[\x00-\x08\x0b-\x1f\x7f]/.test(value), { message: 'control characters are not allowed' })
      .refine((value) => (min > 0 ? codePoints(value.trim()) >= min : true) && codePoints(value) <= max, { message: `must have ${min} to ${max} characters` })
      .meta({ type: 'string', minLength: min, maxLength: max }) as unknown as z.ZodType<string>
  )
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: C0, C1 and the bidirectional overrides are what is looked for.
const nameTrouble = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

/** A name for people: as `text`, trimmed, one line, no bidirectional overrides. */
export function nameText(min: number, max: number): z.ZodType<string> {
  return (text(min, max) as unknown as z.ZodString).refine((value) => value.trim() === value && !nameTrouble.test(value), {
    message: 'must not begin or end with space or hold control or direction marks',
  }) as unknown as z.ZodType<string>
}

export const int = (min: number, max: number): z.ZodType<number> => z.int().min(min).max(max)

/** Bytes of exactly (or min..max) length; JSON carries base64url without padding. */
export function bytes(min: number, max: number = min): z.ZodType<Uint8Array> {
  return z
    .unknown()
    .transform((value, context): Uint8Array => {
      let decoded: unknown = value
      if (typeof value === 'string') {
        try {
          decoded = fromBase64Url(value)
        } catch (error) {
          if (!(error instanceof NotCanonical)) throw error
        }
      }
      if (!(decoded instanceof Uint8Array) || decoded.length < min || decoded.length > max) {
        context.addIssue({ code: 'custom', message: `must be ${min === max ? min : `${min} to ${max}`} bytes in base64url without padding` })
        return z.NEVER
      }
      return decoded
    })
    .meta({ type: 'string', contentEncoding: 'base64url', minBytes: min, maxBytes: max }) as unknown as z.ZodType<Uint8Array>
}

/** Bytes where no JSON comes: frames and records. A text in their place is refused. */
export const binary = (min: number, max: number = min): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= min && value.length <= max, { message: `must be ${min} to ${max} bytes` })

export const did: z.ZodType<Did> = z
  .string()
  .refine(isDid, { message: 'not a DID of the form did:icn:z6Mk…', params: { code: 'DID_INVALID' } })
  .meta({ type: 'string', format: 'did', examples: ['did:icn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'] }) as unknown as z.ZodType<Did>

export const operationId = z.string().refine(isCid, { message: 'not an operation id' }).meta({ type: 'string', format: 'cid' }) as unknown as z.ZodType<OperationId>
export const charterHash = z.string().refine(isCid, { message: 'not a charter hash' }).meta({ type: 'string', format: 'cid' }) as unknown as z.ZodType<CharterHash>
export const checkpointId = z.string().refine(isCid, { message: 'not a checkpoint id' }).meta({ type: 'string', format: 'cid' }) as unknown as z.ZodType<CheckpointId>

/** 2–64 of a–z 0–9 - _ :, first and last a letter or digit, no two marks in a row, not a reserved word. */
export function isCoopId(value: string): value is CoopId {
  return value.length >= 2 && value.length <= 64 && /^[a-z0-9]+(?:[-_:][a-z0-9]+)*$/.test(value) && !reservedCoopIds.has(value)
}
const reservedCoopIds = new Set(['commons', 'me', 'new'])
export const coopId = z
  .string()
  .refine(isCoopId, { message: 'not a coop id', params: { code: 'COOP_ID_INVALID' } })
  .meta({ type: 'string', pattern: '^[a-z0-9]+([-_:][a-z0-9]+)*$', minLength: 2, maxLength: 64 }) as unknown as z.ZodType<CoopId>

export const isSpaceId = (value: string): value is SpaceId => value === 'commons' || (value.startsWith('coop:') && isCoopId(value.slice(5)))
export const spaceId = z
  .string()
  .refine(isSpaceId, { message: 'not a space: commons or coop:<id>' })
  .meta({ type: 'string', examples: ['coop:food'] }) as unknown as z.ZodType<SpaceId>

/** Milliseconds since the epoch, as bodies and tables hold times. */
export const timeMs = int(0, Number.MAX_SAFE_INTEGER)

export const clock: z.ZodType<Clock> = z.tuple([z.int().min(0), z.int().min(0).max(65535)]) as unknown as z.ZodType<Clock>

/** A decimal string of whole minor units, canonical: no sign but '-', no leading zero, no '-0'. */
export const amount = z.string().regex(/^(0|-?[1-9]\d{0,29})$/, { message: 'must be whole minor units as a decimal string' })

/** Anything that can stand in signed bytes; whoever takes it looks at its shape. */
export const plainMap = z.record(z.string(), z.unknown()).refine(
  (value) => {
    try {
      assertPlain(value)
      return true
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error
      return false
    }
  },
  { message: 'must hold whole numbers within ±2^53 and text in Unicode normalisation form C' },
)

/** Undefined for whatever is not the one spelling of such a value, however it is broken. */
export function decodeExactly<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    const read = schema.safeParse(decodeTrusted(bytes))
    // Schemas take JSON's spelling of bytes, and the decoder maps in any order: writing it again is the one complete check.
    return read.success && equalBytes(encodeCanonical(read.data), bytes) ? read.data : undefined
  } catch {
    return undefined
  }
}
