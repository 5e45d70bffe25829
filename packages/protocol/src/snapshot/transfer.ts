import { z } from 'zod'
import { binary, int } from '../schema.ts'
import { chunkBytesMax } from './messages.ts'

/** What a host says of the state that it hands out over `/icn/state/1` (snapshot page §10). Everything in it is checked by whoever takes it. */

const count = int(0, Number.MAX_SAFE_INTEGER)
/** Envelope, signature, body. */
const whole = z.tuple([binary(1, 65_536), binary(64), binary(1, 65_536)])

export const StateManifest = z
  .strictObject({
    /** The operation that carries the certificate of the checkpoint. */
    certificate: whole,
    /** The first operation of the space. */
    first: whole,
    /** Operations before the cut. */
    count,
    leaves: count,
    pairs: count,
    /** Of all pairs, as they are hashed. */
    bytes: count,
    /** Pages of names and places of what stands before the cut. */
    traces: int(0, 1_000_000),
    /** Whole leaves each: how many, and their raw bytes. */
    chunks: z.array(z.tuple([int(1, chunkBytesMax), int(1, chunkBytesMax)])).max(32_768),
  })
  .refine(({ chunks, leaves, bytes }) => sum(chunks, 0) === leaves && sum(chunks, 1) === bytes, { message: 'its sums do not add up' })
export type StateManifest = z.output<typeof StateManifest>

const sum = (chunks: readonly (readonly [number, number])[], at: 0 | 1): number => chunks.reduce((all, chunk) => all + chunk[at], 0)

/** Hashes of leaves in one answer. */
export const leafHashesOnce = 32_768
