import {
  bodies,
  bodyHash,
  type Did,
  encodeCanonical,
  encodeEnvelope,
  type Envelope,
  EnvelopeSchema,
  equalBytes,
  fromBase64Url,
  type IdentityGrant,
  type IdentityRotate,
  keyOfDid,
  NotCanonical,
  type OperationDetail,
  operationIdOf,
  scopeCovers,
  signingBytes,
  verifyStrict,
} from '@icn/protocol'
import { TamperedError } from './errors.ts'

/** An operation that its own author wants to say again: read from the node, believed for its signature alone. */

/** How many permissions may stand one on the other. Larger: a node makes the device verify as many signatures; smaller: people who changed their key often cannot issue again. */
const grantsMax = 8

export interface Original {
  readonly envelope: Envelope
  /** As its schema reads it. */
  readonly body: unknown
}

/** Answers what a node shows under an id: an `OperationDetail`. */
export type ReadOperation = (id: string) => Promise<OperationDetail>

const refuse = (what: string): never => {
  throw new TamperedError('OPERATION_MALFORMED', `The operation that the node shows is not what it is said to be: ${what}. Nothing was signed.`)
}

/** The original under this id, of this author, signed by a key of theirs: `own`, the author's first key, or one that either let sign this. Throws TamperedError. */
export async function readOriginal(read: ReadOperation, id: string, who: { readonly author: Did; readonly own: Did }): Promise<Original> {
  const original = verified(await read(id), id)
  if (original.envelope.author !== who.author) return refuse('it is somebody else’s')
  let { envelope } = original
  for (let left = grantsMax; envelope.signer !== who.own && envelope.signer !== who.author; left--) {
    if (envelope.grant === null || left === 0) return refuse('it was signed by a key that is not its author’s')
    const grant = verified(await read(envelope.grant), envelope.grant)
    if (grant.envelope.author !== who.author || grant.envelope.space !== envelope.space || !covers(grant, envelope)) return refuse('its author let nobody sign it')
    envelope = grant.envelope
  }
  return original
}

/** The bytes give the id, the key has signed them, and the body is the one that was signed. */
function verified({ operation, sig }: OperationDetail, id: string): Original {
  const { body, ...fields } = operation
  const parsed = EnvelopeSchema.safeParse(fields)
  if (!parsed.success) return refuse('it is not an operation')
  const envelope = parsed.data
  const bytes = encodeEnvelope(envelope)
  if (operationIdOf(bytes) !== id) return refuse('its id is another')
  if (!verifyStrict(bytesOf(sig), signingBytes(bytes), keyOfDid(envelope.signer))) return refuse('its signature does not fit')
  const read = (bodies as Record<string, (typeof bodies)[keyof typeof bodies] | undefined>)[envelope.kind]?.safeParse(body)
  if (read === undefined || !read.success) return refuse('its body does not fit its kind')
  if (!equalBytes(bodyHash(encodeCanonical(read.data)), envelope.body_hash)) return refuse('its hash is not that of its body')
  return { envelope, body: read.data }
}

/** A permission for this kind at that time, or a change to this key. */
function covers({ envelope: { kind }, body }: Original, { signer, kind: wanted, at }: Envelope): boolean {
  if (kind === 'identity.rotate') return (body as IdentityRotate).new_key === signer
  if (kind !== 'identity.grant') return false
  const { grantee, scopes, not_before_at, not_after_at } = body as IdentityGrant
  return grantee === signer && at[0] >= not_before_at && at[0] < not_after_at && scopes.some((scope) => scopeCovers(scope, wanted))
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64Url(text)
  } catch (error) {
    if (error instanceof NotCanonical) return refuse('its signature does not fit')
    throw error
  }
}
