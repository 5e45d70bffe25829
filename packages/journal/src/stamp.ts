import {
  bodyHash,
  clockAheadMsMax,
  clockBehindMsMax,
  encodeCanonical,
  encodeEnvelope,
  type OperationId,
  operationIdOf,
  type SignedOperation,
  seenMax,
  signingBytes,
  type Did,
} from '@icn/protocol'
import type { Draft, UnsignedOperation, WriteOptions } from './api.ts'
import type { Candidate } from './candidate.ts'
import type { Engine } from './engine.ts'
import { digestText, placeText } from './layout.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'
import type { SpaceWork } from './work.ts'

/** The unsigned envelope of what somebody wants said now: clock, chain position, heads. Moves nothing; refuses a body that its kind's schema does not take. */
export function stamp(
  engine: Engine,
  work: SpaceWork | undefined,
  draft: Omit<Draft, 'grant'> & { readonly signer: Did; readonly grant: OperationId | null },
): UnsignedOperation & { readonly parsed: unknown } {
  if (draft.signer === engine.parts.node && engine.mute.has(draft.space)) throw new Refusal('RECOVERING', { space: draft.space })
  const rules = work?.rules ?? engine.parts.rulesOf(draft.space)
  const law = rules.laws.get(draft.kind)
  let parsed: unknown = draft.body
  if (law !== undefined) {
    const result = law.body.safeParse(draft.body)
    if (!result.success) throw new Refusal('INPUT_INVALID', { errors: result.error.issues.map((issue) => ({ pointer: `/${issue.path.join('/')}`, detail: issue.message })) })
    parsed = result.data
  } else parsed = draft.body ?? {}
  const body = encodeCanonical(parsed)
  const at = engine.clock.peek()
  const head = work?.head(draft.signer)
  const envelope: SignedOperation['envelope'] = {
    v: 1,
    space: draft.space,
    genesis: work?.space.record.genesis ?? null,
    kind: draft.kind,
    author: draft.author,
    signer: draft.signer,
    grant: draft.grant,
    seq: (head?.seq ?? -1) + 1,
    prev: head === undefined || head.seq < 0 ? null : head.id,
    seen: work === undefined ? [] : [...work.tips.keys()].filter((id) => id !== head?.id && id !== draft.grant).slice(-seenMax),
    at,
    body_hash: bodyHash(body),
  }
  const bytes = encodeEnvelope(envelope)
  return { envelope, bytes, signingBytes: signingBytes(bytes), body, parsed }
}

/** A candidate of what is not signed yet: what a law judges does not depend on the signature. */
export function candidateOfUnsigned(engine: Engine, unsigned: UnsignedOperation & { readonly parsed: unknown }, work: SpaceWork | undefined): Candidate {
  const { envelope, bytes, body, parsed } = unsigned
  const id = operationIdOf(bytes)
  const digest = digestText(id)
  const rules = work?.rules ?? engine.parts.rulesOf(envelope.space)
  return {
    operation: { id, envelope, bytes, signature: new Uint8Array(64), body },
    digest,
    place: placeText(envelope.at, digest),
    law: rules.laws.get(envelope.kind),
    body: parsed,
  }
}

/** A key that was used twice is closed in its space. */
export function demandOpenChain(work: SpaceWork, signer: Did): void {
  if (work.head(signer)?.fork !== undefined) throw new Refusal('FORKED', { signer })
}

/** What was signed at another time than now, by more than a minute, is forgotten: this node's clock never follows a signer into the future. */
export function demandFresh({ clock }: Engine, { envelope }: SignedOperation): void {
  const now = clock.wallMs()
  if (envelope.at[0] > now + clockAheadMsMax) throw new Refusal('CLOCK_AHEAD', { now })
  if (envelope.at[0] < now - clockBehindMsMax) throw new Refusal('LATE', { cut_at: now - clockBehindMsMax, clock: [...clock.peek()] })
}

/** If-Match: compared on the state that the operation is judged against. */
export function demandMatch<Answer>(state: State, { match }: WriteOptions<Answer>): void {
  if (match === undefined) return
  const tag = match.tag(state)
  if (!match.expected.includes(tag)) throw new Refusal('ETAG_MISMATCH', { etag: tag })
}
