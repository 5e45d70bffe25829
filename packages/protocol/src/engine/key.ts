import { concatBytes, utf8 } from '../canonical.ts'

/**
 * Keys of tables, encoded so that byte order is key order and no part can run into the next.
 * Text: 0x02, UTF-8 with 0x00 written 0x00 0xff, end 0x00 0x01. Bytes: 0x03, the same escape and end. Integer: 0x04, eight bytes big-endian of value + 2^53.
 */
export interface KeyPart<T> {
  readonly name: 'text' | 'int' | 'bytes'
  readonly type?: T
}

/** Parts of a table's key. `text` takes a branded text type: `part.text<Did>()`. */
export const part = {
  text: <T extends string = string>(): KeyPart<T> => ({ name: 'text' }),
  int: (): KeyPart<number> => ({ name: 'int' }),
  bytes: (): KeyPart<Uint8Array> => ({ name: 'bytes' }),
}

export type KeyValue = string | number | Uint8Array

const offset = 9007199254740992n

function escaped(tag: number, bytes: Uint8Array): Uint8Array {
  let zeros = 0
  for (const byte of bytes) if (byte === 0) zeros++
  const out = new Uint8Array(bytes.length + zeros + 3)
  out[0] = tag
  let at = 1
  for (const byte of bytes) {
    out[at++] = byte
    if (byte === 0) out[at++] = 0xff
  }
  out[at++] = 0
  out[at] = 1
  return out
}

export function encodeKeyPart(value: KeyValue): Uint8Array {
  if (typeof value === 'string') return escaped(2, utf8(value))
  if (typeof value === 'number') {
    const out = new Uint8Array(9)
    out[0] = 4
    new DataView(out.buffer).setBigUint64(1, BigInt(value) + offset)
    return out
  }
  return escaped(3, value)
}

/** Name of the table, then each part; a prefix of the parts is a prefix of the bytes. */
export function encodeKey(table: string, parts: readonly KeyValue[]): Uint8Array {
  const encoded = [escaped(2, utf8(table))]
  for (const value of parts) encoded.push(encodeKeyPart(value))
  return concatBytes(...encoded)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Reads every part of an encoded key, the table's name first. */
export function decodeKey(bytes: Uint8Array): KeyValue[] {
  const parts: KeyValue[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at++]
    if (tag === 4) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8)
      parts.push(Number(view.getBigUint64(0) - offset))
      at += 8
      continue
    }
    const raw: number[] = []
    for (;;) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Error('key ends inside a part')
      if (byte !== 0) raw.push(byte)
      else if (bytes[at++] === 0xff) raw.push(0)
      else break
    }
    parts.push(tag === 2 ? decoder.decode(Uint8Array.from(raw)) : Uint8Array.from(raw))
  }
  return parts
}

/** The smallest bytes after everything that begins with `prefix`. */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice()
  for (let i = end.length - 1; i >= 0; i--) {
    if ((end[i] as number) < 0xff) {
      end[i] = (end[i] as number) + 1
      return end.subarray(0, i + 1)
    }
  }
  return Uint8Array.of(0xff, 0xff, 0xff, 0xff)
}
