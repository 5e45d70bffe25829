import { createRequire } from 'node:module'

// CommonJS with a native add-on and no types; this is the part of it that is used.
const sodium = createRequire(import.meta.url)('sodium-native') as {
  readonly crypto_secretstream_xchacha20poly1305_STATEBYTES: number
  readonly crypto_secretstream_xchacha20poly1305_TAG_MESSAGE: number
  readonly crypto_secretstream_xchacha20poly1305_TAG_FINAL: number
  crypto_secretstream_xchacha20poly1305_init_push(state: Buffer, header: Uint8Array, key: Uint8Array): void
  crypto_secretstream_xchacha20poly1305_init_pull(state: Buffer, header: Uint8Array, key: Uint8Array): void
  crypto_secretstream_xchacha20poly1305_push(state: Buffer, box: Uint8Array, plain: Uint8Array, additional: Uint8Array, tag: number): number
  crypto_secretstream_xchacha20poly1305_pull(state: Buffer, plain: Uint8Array, tag: Uint8Array, box: Uint8Array, additional: Uint8Array): number
}

const tagMessage = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
const tagFinal = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL

export const secretStreamKeyBytes = 32
export const secretStreamHeaderBytes = 24
/** By so many bytes a box is longer than what is in it. */
export const secretStreamExtraBytes = 17

/** Messages sealed one after another under one key (libsodium's secretstream, XChaCha20-Poly1305): none can be left out, moved, or come from elsewhere, and the last one says that it is the last. */
export class StreamSealer {
  /** 24 bytes, not secret, different each time: whoever opens needs them. */
  readonly header = new Uint8Array(secretStreamHeaderBytes)
  readonly #state = Buffer.alloc(sodium.crypto_secretstream_xchacha20poly1305_STATEBYTES)

  constructor(key: Uint8Array) {
    sodium.crypto_secretstream_xchacha20poly1305_init_push(this.#state, this.header, key)
  }

  seal(plain: Uint8Array, additional: Uint8Array, isLast: boolean): Uint8Array {
    const box = new Uint8Array(plain.length + secretStreamExtraBytes)
    sodium.crypto_secretstream_xchacha20poly1305_push(this.#state, box, plain, additional, isLast ? tagFinal : tagMessage)
    return box
  }

  wipe(): void {
    this.#state.fill(0)
  }
}

export class StreamOpener {
  readonly #state = Buffer.alloc(sodium.crypto_secretstream_xchacha20poly1305_STATEBYTES)
  readonly #tag = new Uint8Array(1)

  constructor(key: Uint8Array, header: Uint8Array) {
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(this.#state, header, key)
  }

  /** Undefined: this box is not the next one of the stream. `into` takes what is in it and must hold exactly that. */
  open(box: Uint8Array, additional: Uint8Array, into: Uint8Array): 'more' | 'last' | undefined {
    try {
      sodium.crypto_secretstream_xchacha20poly1305_pull(this.#state, into, this.#tag, box, additional)
    } catch {
      return undefined
    }
    if (this.#tag[0] === tagMessage) return 'more'
    return this.#tag[0] === tagFinal ? 'last' : undefined
  }

  wipe(): void {
    this.#state.fill(0)
  }
}
