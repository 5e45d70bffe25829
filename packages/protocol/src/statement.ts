import { concatBytes, encodeCanonical, utf8 } from './canonical.ts'

/** What a statement signs: `"icn/<purpose>/1\n"` ‖ DAG-CBOR(payload) (identity page §4). */
export function statementBytes(purpose: string, payload: Readonly<Record<string, unknown>>): Uint8Array {
  return concatBytes(utf8(`icn/${purpose}/1\n`), encodeCanonical(payload))
}
