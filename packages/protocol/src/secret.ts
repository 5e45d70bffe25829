const inspect = Symbol.for('nodejs.util.inspect.custom')

/**
 * Bytes that must not get out: logs, JSON, templates and inspectors show `[secret]`. Zeroed when it is done with.
 * A text cannot be zeroed; a passphrase becomes a Secret as early as it can.
 */
export class Secret implements Disposable {
  #bytes: Uint8Array

  /** Takes the bytes over: the caller keeps no copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  static ofText(text: string): Secret {
    return new Secret(new TextEncoder().encode(text))
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The bytes for as long as `use` runs; it must not keep them. */
  reveal<T>(use: (bytes: Uint8Array) => T): T {
    return use(this.#bytes)
  }

  wipe(): void {
    this.#bytes.fill(0)
    this.#bytes = new Uint8Array(0)
  }

  [Symbol.dispose](): void {
    this.wipe()
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect](): string {
    return '[secret]'
  }
}
