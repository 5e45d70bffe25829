import {
  bodies,
  bodyHash,
  type Did,
  type DraftJson,
  encodeCanonical,
  encodeEnvelope,
  type Envelope,
  EnvelopeSchema,
  equalBytes,
  fromBase64Url,
  NotCanonical,
  type OperationId,
  operationIdOf,
  type SignedOperationJson,
  signingBytes,
  toBase64Url,
} from '@icn/protocol'
import { TamperedError } from './errors.ts'
import { type Asked, bodyFault, sameJson, spacesFor } from './expect.ts'
import type { ChainEnd, Identity } from './identity.ts'
import type { Original } from './original.ts'

/** A draft that was looked through: the envelope whose bytes are signed, recomputed here. */
export interface CheckedDraft {
  readonly draft: DraftJson
  readonly envelope: Envelope
  readonly id: OperationId
  readonly message: Uint8Array
}

const refuse = (what: string): never => {
  throw new TamperedError('OPERATION_MALFORMED', `The node’s draft is not what was asked for: ${what}. Nothing was signed.`)
}

/** Recomputes bytes, hash and id from what the draft says, and holds them against what was asked. Throws TamperedError. */
export function checkDraft(draft: DraftJson, asked: Asked, signer: Did): CheckedDraft {
  const { body, ...fields } = draft.operation
  const parsed = EnvelopeSchema.safeParse(fields)
  if (!parsed.success) return refuse('it is not an operation')
  const envelope = parsed.data
  if (envelope.author !== asked.author) return refuse('it speaks for somebody else')
  if (envelope.signer !== signer) return refuse('it is not for this key')
  if ((envelope.grant === null) !== (envelope.signer === envelope.author)) return refuse('its permission does not fit its key')
  const spaces = spacesFor(asked)
  const isFounding = asked.row.space === 'node'
  if (isFounding ? envelope.genesis !== null : envelope.genesis === null) return refuse('it begins a space, or does not')
  if (spaces !== undefined && !spaces.includes(envelope.space)) return refuse(`it is for ${envelope.space}`)
  demandBody(envelope, body, asked)
  const bytes = encodeEnvelope(envelope)
  const message = signingBytes(bytes)
  if (!equalBytes(message, bytesOf(draft.signing_bytes))) return refuse('the bytes to sign are others')
  return { draft, envelope, id: operationIdOf(bytes), message }
}

/** Kind, body and hash; a change that needs a second person is the same change inside an act. */
function demandBody(envelope: Envelope, body: DraftJson['operation']['body'], asked: Asked): void {
  if (body === null) return refuse('it has no body')
  const { original } = asked
  const kinds = original === undefined ? (asked.row.proposes ?? []) : [original.envelope.kind]
  const isAct = asked.method === 'act.propose' || original?.envelope.kind === 'act.propose'
  const inner = envelope.kind === 'act.propose' && !isAct ? body : undefined
  const kind = inner === undefined ? envelope.kind : String(inner['kind'])
  const said = inner === undefined ? body : (inner['body'] as Record<string, unknown>)
  if (!kinds.includes(kind) || (inner !== undefined && kind === 'act.propose')) return refuse(`it is of kind ${kind}`)
  if (inner !== undefined && !sameJson(Object.keys(inner).sort(), ['body', 'kind'])) return refuse('its act says more than the change')
  if (typeof said !== 'object' || said === null) return refuse('it has no body')
  if (kind === 'coop.found' && envelope.space !== `coop:${String(said['coop_id'])}`) return refuse(`it is for ${envelope.space}`)
  if (original !== undefined && envelope.genesis !== original.envelope.genesis) return refuse('it is for another space of this name')
  const fault = bodyFault({ ...asked, now: envelope.at[0] }, said)
  if (fault !== undefined) return refuse(fault)
  const schema = (bodies as Record<string, (typeof bodies)[keyof typeof bodies] | undefined>)[envelope.kind]
  const read = schema?.safeParse(body)
  if (read === undefined || !read.success) return refuse('its body does not fit its kind')
  if (!equalBytes(bodyHash(encodeCanonical(read.data)), envelope.body_hash)) return refuse('its hash is not that of its body')
  if (original !== undefined && !saysTheSame(said, original)) return refuse('it does not say what was said before')
}

/** Byte for byte, whether it stands by itself or inside an act. */
function saysTheSame(said: unknown, { envelope }: Original): boolean {
  const read = (bodies as Record<string, (typeof bodies)[keyof typeof bodies] | undefined>)[envelope.kind]?.safeParse(said)
  return read?.success === true && equalBytes(bodyHash(encodeCanonical(read.data)), envelope.body_hash)
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64Url(text)
  } catch (error) {
    if (error instanceof NotCanonical) return refuse('its bytes are not bytes')
    throw error
  }
}

/** A signature with its number claimed and everything written down: it may leave. */
export interface Released {
  readonly json: SignedOperationJson
  readonly id: OperationId
  /** A door has answered for good: nothing has to be handed in again. */
  settled(): Promise<void>
  /** A door has refused and forgotten the bytes: the number is free again. */
  undo(): Promise<void>
}

/** Another operation holds the number: `last` is where the chain ends as this device knows it. */
export interface NumberTaken {
  readonly taken: ChainEnd
}

/** Signs, writes down, claims the number; in this order, so that whatever leaves can be handed in again after a crash. */
export async function releaseDraft(checked: CheckedDraft, identity: Identity, endpoint: string): Promise<Released | NumberTaken> {
  const { draft, envelope, id, message } = checked
  // A first operation begins its own chain: its id is the space's genesis.
  const genesis = envelope.genesis ?? id
  const { positions, sent } = identity
  const before = await positions.get(envelope.space, genesis)
  if (before !== undefined && before.seq >= envelope.seq && before.operation !== id) return { taken: before }
  const signature = await identity.signer.sign(message)
  const json = { ...draft.operation, sig: toBase64Url(signature) } as SignedOperationJson
  await sent.put(id, { operation: json, endpoint, ...(before === undefined ? {} : { before }) })
  if (!(await positions.claim(envelope.space, genesis, { seq: envelope.seq, operation: id }))) {
    await sent.drop(id)
    return { taken: (await positions.get(envelope.space, genesis)) as ChainEnd }
  }
  return {
    id,
    json,
    settled: () => sent.drop(id),
    async undo() {
      await positions.release(envelope.space, genesis, id, before)
      await sent.drop(id)
    },
  }
}
