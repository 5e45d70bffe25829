import {
  bodies,
  bodyHash,
  type DraftJson,
  encodeCanonical,
  encodeEnvelope,
  type Envelope,
  EnvelopeSchema,
  equalBytes,
  fromBase64Url,
  type OperationId,
  operationIdOf,
  type SignedOperationJson,
  signingBytes,
  toBase64Url,
} from '@icn/protocol'
import { IcnError } from './errors.ts'
import type { Identity } from './identity.ts'

/** What a draft must be for the device to sign it: a node that hands out something else gets no signature. */
export interface Expected {
  readonly author: string
  /** Kinds the row may propose; `*` for any. */
  readonly kinds: readonly string[]
  /** The space, where the row names one. */
  readonly space?: string
  /** Fields that the caller asked for and the body must carry unchanged, where it has fields of these names. */
  readonly asked: Readonly<Record<string, unknown>>
}

/** A draft that was looked through: the envelope whose bytes are signed, recomputed here. */
interface Checked {
  readonly envelope: Envelope
  readonly id: OperationId
  readonly message: Uint8Array
}

const refuse = (what: string): never => {
  throw new IcnError('OPERATION_MALFORMED', `The node’s draft is not what was asked for: ${what}. Nothing was signed.`)
}

/** Recomputes bytes, hash and id from what the draft says, and holds them against what was asked. */
export function checkDraft(draft: DraftJson, expected: Expected, identity: Identity): Checked {
  const { body, ...fields } = draft.operation
  const parsed = EnvelopeSchema.safeParse(fields)
  if (!parsed.success) return refuse('it is not an operation')
  const envelope = parsed.data
  if (envelope.author !== expected.author) return refuse('it speaks for somebody else')
  if (envelope.signer !== identity.signer.did) return refuse('it is not for this key')
  if (!expected.kinds.includes('*') && !expected.kinds.includes(envelope.kind) && envelope.kind !== 'act.propose') return refuse(`it is of kind ${envelope.kind}`)
  if (expected.space !== undefined && envelope.space !== expected.space) return refuse(`it is for ${envelope.space}`)
  const schema = (bodies as Record<string, (typeof bodies)[keyof typeof bodies] | undefined>)[envelope.kind]
  const read = schema?.safeParse(body)
  if (read === undefined || !read.success) return refuse('its body does not fit its kind')
  const bytes = encodeEnvelope(envelope)
  if (!equalBytes(bodyHash(encodeCanonical(read.data)), envelope.body_hash)) return refuse('its hash is not that of its body')
  demandAsked(envelope.kind === 'act.propose' ? ((body as { body?: unknown }).body ?? {}) : body, expected.asked)
  const message = signingBytes(bytes)
  if (!equalBytes(message, fromBase64Url(draft.signing_bytes))) return refuse('the bytes to sign are others')
  return { envelope, id: operationIdOf(bytes), message }
}

/** Every field of the body that bears the name of one we gave says what we gave. */
function demandAsked(body: unknown, asked: Readonly<Record<string, unknown>>): void {
  if (body === null || typeof body !== 'object') return
  for (const [name, value] of Object.entries(body)) {
    const given = asked[name]
    if (given === undefined || typeof given === 'object') continue
    if (typeof value !== 'object' && value !== given && String(value).normalize('NFC').trim() !== String(given).normalize('NFC').trim()) refuse(`${name} is ${JSON.stringify(value)}`)
  }
}

/** A signature that is ready to leave, with its number claimed; `undo` gives the number back when a door has forgotten the bytes. */
export interface Released {
  readonly json: SignedOperationJson
  readonly id: OperationId
  undo(): Promise<void>
}

/** Claims the number, writes it down, then signs. Throws NOT_CAUGHT_UP when the node knows less of this key's chain than the device. */
export async function signDraft(draft: DraftJson, checked: Checked, identity: Identity): Promise<Released> {
  const { envelope, id, message } = checked
  // A first operation begins its own chain: its id is the space's genesis.
  const genesis = envelope.genesis ?? id
  const before = await identity.positions.get(envelope.space, genesis)
  const claimed = await identity.positions.claim(envelope.space, genesis, { seq: envelope.seq, operation: id })
  if (!claimed) throw new IcnError('NOT_CAUGHT_UP', 'This node does not know yet what this device has signed elsewhere; try again in a moment or ask another node.')
  const signature = await identity.signer.sign(message)
  return {
    id,
    json: { ...draft.operation, sig: toBase64Url(signature) } as SignedOperationJson,
    undo: () => identity.positions.release(envelope.space, genesis, id, before),
  }
}

