import { type Clock, type Did, digestOfCid, type KeyValue, keyOfDid, type OperationId } from '@icn/protocol'
import { type KeyText, keyText } from './key.ts'

/** How keys of the store's maps are laid out. All begin with the space's number (4 bytes), except where said. */

export const u32 = (value: number): KeyText => String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
export const u48 = (value: number): KeyText => String.fromCharCode(Math.floor(value / 2 ** 40) & 255, Math.floor(value / 2 ** 32) & 255) + u32(value % 2 ** 32)
export const u16 = (value: number): KeyText => String.fromCharCode((value >>> 8) & 255, value & 255)

export const readU32 = (key: KeyText, at: number): number => key.charCodeAt(at) * 2 ** 24 + (key.charCodeAt(at + 1) << 16) + (key.charCodeAt(at + 2) << 8) + key.charCodeAt(at + 3)
export const readU48 = (key: KeyText, at: number): number => (key.charCodeAt(at) * 256 + key.charCodeAt(at + 1)) * 2 ** 32 + readU32(key, at + 2)
const readU16 = (key: KeyText, at: number): number => key.charCodeAt(at) * 256 + key.charCodeAt(at + 1)

/** An operation's digest as text: how ids stand in keys. */
export type DigestText = string

export const digestText = (id: OperationId): DigestText => keyText(digestOfCid(id))

/** A place in the order: clock and id. As text, places compare like the order. */
export type PlaceText = string

export const clockText = (at: Clock): KeyText => u48(at[0]) + u16(at[1])
export const placeText = (at: Clock, digest: DigestText): PlaceText => clockText(at) + digest
/** The smallest text after every place with this clock. */
export const placeAfter = (at: Clock): PlaceText =>
  `${clockText(at)}\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff`
export const digestOfPlace = (place: PlaceText): DigestText => place.slice(8)
export const clockOfPlace = (place: PlaceText): Clock => [readU48(place, 0), readU16(place, 6)]

/** Prefix of a space's keys, and the first key after them. */
export interface SpacePrefix {
  readonly from: KeyText
  readonly to: KeyText
}

export const spacePrefix = (number: number): SpacePrefix => ({ from: u32(number), to: u32(number + 1) })

/** `chains`: signer's key, sequence, digest → place or empty when only held. */
export const signerText = (signer: Did): KeyText => keyText(keyOfDid(signer))
export const chainKey = (prefix: KeyText, signer: KeyText, seq: number, digest: DigestText): KeyText => prefix + signer + u48(seq) + digest
export const chainRange = (prefix: KeyText, signer: KeyText, seq: number): readonly [KeyText, KeyText] => [prefix + signer + u48(seq), prefix + signer + u48(seq + 1)]
export const chainSeqOf = (key: KeyText): number => readU48(key, 36)
export const chainDigestOf = (key: KeyText): DigestText => key.slice(42)

export const eventKey = (prefix: KeyText, sequence: number): KeyText => prefix + u48(sequence)
export const sequenceOf = (key: KeyText): number => readU48(key, 4)

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII without the one character that is escaped.
const plainAscii = /^[\x01-\x7f]*$/
const utf8 = new TextEncoder()

function textPart(value: string): KeyText {
  if (plainAscii.test(value)) return `\u0002${value}\u0000\u0001`
  return `\u0002${keyText(utf8.encode(value)).replaceAll('\u0000', '\u0000\u00ff')}\u0000\u0001`
}

function partText(value: KeyValue): KeyText {
  if (typeof value === 'string') return textPart(value)
  if (typeof value === 'number') {
    // value + 2^53 as eight bytes; both halves stay exact.
    const high = Math.floor(value / 2 ** 32)
    return `\u0004${u32((high + 2 ** 21) >>> 0)}${u32(value - high * 2 ** 32)}`
  }
  return `\u0003${keyText(value).replaceAll('\u0000', '\u0000\u00ff')}\u0000\u0001`
}

const tableTexts = new Map<string, KeyText>()

/** The encoded name of a table, first part of each of its keys. */
export function tableText(table: string): KeyText {
  let text = tableTexts.get(table)
  if (text === undefined) {
    text = textPart(table)
    tableTexts.set(table, text)
  }
  return text
}

/** The same bytes as protocol's `encodeKey`, as text and without a detour over arrays. */
export function stateKey(table: string, parts: readonly KeyValue[]): KeyText {
  let key = tableText(table)
  for (const value of parts) key += partText(value)
  return key
}

/** The smallest text after everything that begins with `prefix`. */
export function textAfter(prefix: KeyText): KeyText {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i)
    if (code < 255) return prefix.slice(0, i) + String.fromCharCode(code + 1)
  }
  return '\u00ff\u00ff\u00ff\u00ff\u00ff'
}

/** Narrowing a range of keys: the later begin, the earlier end. */
export const laterText = (a: KeyText, b: KeyText): KeyText => (a > b ? a : b)
export const earlierText = (a: KeyText, b: KeyText): KeyText => (a < b ? a : b)
