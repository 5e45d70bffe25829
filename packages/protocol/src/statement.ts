import { concatBytes, encodeCanonical, utf8 } from './canonical.ts'
import type { Signer } from './crypto/signer.ts'
import { didOfKey, isDid, keyOfDid } from './did.ts'
import type { Statement } from './engine/index.ts'
import type { Did, OperationId } from './ids.ts'

/** What a statement signs: `"icn/<purpose>/1\n"` ‖ DAG-CBOR(payload) (identity page §4). Operations and tokens begin differently, so no signature of one sort can pass for another. */
export function statementBytes(purpose: string, payload: Readonly<Record<string, unknown>>): Uint8Array {
  return concatBytes(utf8(`icn/${purpose}/1\n`), encodeCanonical(payload))
}

export async function signStatement(signer: Signer, purpose: string, payload: Readonly<Record<string, unknown>>): Promise<Statement> {
  return { purpose, key: didOfKey(signer.publicKey), payload, signature: await signer.sign(statementBytes(purpose, payload)) }
}

/** `verify` is the strict check of this platform. */
export function verifyStatement<Answer extends boolean | Promise<boolean>>(
  statement: Statement,
  verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => Answer,
): Answer {
  return verify(statement.signature, statementBytes(statement.purpose, statement.payload), keyOfDid(statement.key))
}

/** What somebody signs to open a session, field by field as it stands in the text (identity page §10). */
export interface LoginFields {
  readonly network: OperationId
  /** Public origin of the gateway, or the audience of the RPC door. */
  readonly origin: string
  readonly node: Did
  readonly did: Did
  readonly signer: Did
  /** 32 bytes as 43 characters of base64url. */
  readonly nonce: string
  /** Milliseconds; written as RFC 3339. */
  readonly issued: number
  readonly expires: number
  /** The drafted grant that is signed with it. */
  readonly grant: OperationId | null
}

export const loginMsMax = 300_000

/** The text, exactly: lines joined by a line feed, none after the last. It is signed as it is, without any encoding around it. */
export function loginText(fields: LoginFields): string {
  const { network, origin, node, did, signer, nonce, issued, expires, grant } = fields
  return [
    'icn/login/1',
    `network: ${network}`,
    `origin: ${origin}`,
    `node: ${node}`,
    `did: ${did}`,
    `signer: ${signer}`,
    `nonce: ${nonce}`,
    `issued: ${new Date(issued).toISOString()}`,
    `expires: ${new Date(expires).toISOString()}`,
    `grant: ${grant ?? 'none'}`,
  ].join('\n')
}

/** Reads a login text back, to show it before it is signed; undefined for any other text, a changed order, or a field more. */
export function parseLoginText(text: string): LoginFields | undefined {
  const values = text
    .split('\n')
    .slice(1)
    .map((line) => line.slice(line.indexOf(': ') + 2))
  const [network, origin, node, did, signer, nonce, issued, expires, grant] = values
  if (node === undefined || did === undefined || signer === undefined || !isDid(node) || !isDid(did) || !isDid(signer)) return undefined
  const [from, until] = [Date.parse(issued ?? ''), Date.parse(expires ?? '')]
  if (Number.isNaN(from) || Number.isNaN(until) || !/^[A-Za-z0-9_-]{43}$/.test(nonce ?? '')) return undefined
  const fields: LoginFields = {
    network: network as OperationId,
    origin: origin as string,
    node,
    did,
    signer,
    nonce: nonce as string,
    issued: from,
    expires: until,
    grant: grant === 'none' ? null : (grant as OperationId),
  }
  // Writing it again is the one complete check.
  return loginText(fields) === text ? fields : undefined
}
