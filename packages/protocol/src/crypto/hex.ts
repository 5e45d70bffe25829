/** Bytes of a lower-case hexadecimal text of this source; not for input from outside. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
