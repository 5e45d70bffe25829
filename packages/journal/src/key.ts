/** Keys inside the engine and its stores: bytes as latin-1 text, so that maps can hold them and their order is the order of the bytes. */
export type KeyText = string

export const keyText = (bytes: Uint8Array): KeyText => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
export const keyBytes = (key: KeyText): Uint8Array => Buffer.from(key, 'latin1')
