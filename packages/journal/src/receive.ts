import {
  type Did,
  decodeTrusted,
  encodeCanonical,
  equalBytes,
  keyOfDid,
  type MalformedReason,
  type OperationId,
  operationIdOf,
  parseOperation,
  type RawOperation,
  type Rules,
  type SignedOperation,
  signingBytes,
  statementBytes,
} from '@icn/protocol'
import { digestText, placeText } from './layout.ts'
import { decodeStored } from './records.ts'
import type { Candidate } from './candidate.ts'

/** One signature to check. */
export interface SignatureCheck {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly key: Uint8Array
}

export interface Malformed {
  readonly malformed: MalformedReason
  readonly detail: string
  readonly id?: OperationId
}

/** Checks of the first question (engine page §3) that need only the bytes and the rules. Answers the signatures that remain to be verified. */
export function examine(
  raw: RawOperation,
  rules: Rules,
  network: OperationId | undefined,
): { readonly candidate: Candidate; readonly checks: readonly SignatureCheck[] } | Malformed {
  const parsed = parseOperation(raw.envelope, raw.signature, raw.body)
  if ('malformed' in parsed) return parsed
  return examineParsed(parsed.operation, rules, network)
}

export function examineParsed(
  operation: SignedOperation,
  rules: Rules,
  network: OperationId | undefined,
): { readonly candidate: Candidate; readonly checks: readonly SignatureCheck[] } | Malformed {
  const { envelope, id } = operation
  if (operation.body === null) return { malformed: 'body', detail: 'a new operation comes with its body', id }
  const law = rules.laws.get(envelope.kind)
  const checks: SignatureCheck[] = [{ signature: operation.signature, message: signingBytes(operation.bytes), key: keyOfDid(envelope.signer) }]
  let body: unknown
  try {
    body = decodeTrusted(operation.body)
    if (law !== undefined) {
      const parsed = law.body.safeParse(body)
      if (!parsed.success) return { malformed: 'body', detail: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '), id }
      body = parsed.data
    }
    // A schema may read bytes from text, a decoder takes keys in any order; signed bodies have one spelling.
    if (!equalBytes(encodeCanonical(body), operation.body)) return { malformed: 'body', detail: 'the body is not in its one spelling', id }
  } catch (error) {
    return { malformed: 'body', detail: (error as Error).message, id }
  }
  if (law !== undefined) {
    const genesis = envelope.genesis ?? id
    const context = { space: envelope.space, genesis, network: network ?? genesis, author: envelope.author }
    for (const statement of law.statements?.(body, context) ?? []) {
      checks.push({ signature: statement.signature, message: statementBytes(statement.purpose, statement.payload), key: keyOfDid(statement.key as Did) })
    }
  }
  const digest = digestText(id)
  return { candidate: { operation, digest, place: placeText(envelope.at, digest), law, body }, checks }
}

/** Reads an operation back that was examined before it was stored. */
export function candidateOf(stored: Uint8Array, rules: Rules): Candidate {
  const { bytes, signature, body } = decodeStored(stored)
  const envelope = decodeTrusted(bytes) as SignedOperation['envelope']
  const id = operationIdOf(bytes)
  const digest = digestText(id)
  return {
    operation: { id, envelope, bytes, signature, body },
    digest,
    place: placeText(envelope.at, digest),
    law: body === null ? undefined : rules.laws.get(envelope.kind),
    body: body === null ? undefined : decodeTrusted(body),
  }
}
