import { z } from 'zod'
import { binary, checkpointId, clock, did, int, operationId } from '../schema.ts'

/**
 * What a journal that begins from a state has to know of what stands before it: names and places of operations, signer by signer, and what was settled.
 * It travels in pages of canonical DAG-CBOR beside the state (snapshot page §§10, 12). No root covers it but for the heads of the vector.
 */

/** Raw bytes of one page. Larger: more is held at once on both sides; smaller: more pages for the same. */
export const tracePageBytesMax = 524_288
/** Operations in one run. Larger: a page overflows; smaller: the key is repeated more often. */
export const traceRunMax = 1_024
/** Digest, 6 bytes milliseconds, 2 bytes counter. */
export const traceEntryBytes = 40

const hash = binary(32)
const count = int(0, Number.MAX_SAFE_INTEGER)
const hosts = z.array(did).max(1_000)

/** One signer's operations from a number on. */
const ChainTrace = z
  .tuple([z.literal('chain'), hash, count, binary(traceEntryBytes, traceEntryBytes * traceRunMax)])
  .refine(([, , , bytes]) => bytes.length % traceEntryBytes === 0, { message: 'half an entry' })
/** A layer of the certificate: its cut, and the digest of the vector up to it. */
const LayerTrace = z.tuple([z.literal('layer'), clock, hash])
const CutRecord = z.strictObject({ id: checkpointId, cut: clock, root: hash, operation: operationId, hosts, count, chain: hash })
const SettledFacts = z.strictObject({
  root: hash,
  pairs: count,
  bytes: count,
  count,
  hosts_before: hosts,
  hosts_at_cut: hosts,
  acks: hosts,
  layers_digest: hash,
  chains: z.array(hash).min(1).max(64),
})
/** A checkpoint before this one, and what was found when it was settled. */
const CutTrace = z.tuple([z.literal('cut'), CutRecord, SettledFacts])

/** An operation that is named in a chain and does not count, though later ones of its signer do: envelope, signature, body, and what became of it. */
const LeftTrace = z.tuple([z.literal('left'), binary(1, 65_536), binary(64), binary(1, 65_536), z.enum(['late', 'forked', 'superseded'])])

/** A page of changes that the certificate names. */
const PageTrace = z.tuple([z.literal('page'), binary(1, tracePageBytesMax)])

const Trace = z.union([ChainTrace, LeftTrace, LayerTrace, CutTrace, PageTrace])
export type Trace = z.output<typeof Trace>
export const TracePage = z.array(Trace).min(1)
