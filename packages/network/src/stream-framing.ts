/** Frames on a stream of bytes: the length as an unsigned varint in its shortest form, then that many bytes. */

/** Bytes of the varint of a length below 2^28. */
const prefixBytes = (length: number): number => (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4)

function writeFrame(bytes: Uint8Array, at: number, frame: Uint8Array): void {
  const end = at + prefixBytes(frame.length)
  let rest = frame.length
  for (let place = at; place < end; place++) {
    bytes[place] = place === end - 1 ? rest : (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes.set(frame, end)
}

/** A copy with its length in front; the caller may use the frame's bytes again. */
export function framed(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prefixBytes(frame.length) + frame.length)
  writeFrame(bytes, 0, frame)
  return bytes
}

/** What a bundle is given room for, unless a frame needs more. */
const bundleBytes = 16_384

/** Frames behind each other in bundles, each to be handed on at once: what it costs to pass something through a stream is paid by the piece. */
export class FrameBundles {
  readonly #whole: Uint8Array[] = []
  #room = new Uint8Array(0)
  #filled = 0
  /** Bytes of all frames that were put in and not taken out, with their lengths. */
  waitingBytes = 0

  /** A copy with its length in front; the caller may use the frame's bytes again. */
  put(frame: Uint8Array): void {
    const size = prefixBytes(frame.length) + frame.length
    if (this.#filled + size > this.#room.length) {
      this.#seal()
      this.#room = new Uint8Array(Math.max(bundleBytes, size))
      this.#filled = 0
    }
    writeFrame(this.#room, this.#filled, frame)
    this.#filled += size
    this.waitingBytes += size
  }

  /** The oldest bundle; undefined: nothing waits. */
  take(): Uint8Array | undefined {
    if (this.#whole.length === 0) this.#seal()
    const bundle = this.#whole.shift()
    this.waitingBytes -= bundle?.length ?? 0
    return bundle
  }

  clear(): void {
    this.#whole.length = 0
    this.#room = new Uint8Array(0)
    this.#filled = 0
    this.waitingBytes = 0
  }

  /** What was filled stands by itself; the rest of the room is for what comes. */
  #seal(): void {
    if (this.#filled === 0) return
    this.#whole.push(this.#room.subarray(0, this.#filled))
    this.#room = this.#room.subarray(this.#filled)
    this.#filled = 0
  }
}

/** Puts frames together from pieces that are cut anywhere. */
export class FrameReader {
  readonly #bytesMax: number
  #prefix = 0
  #prefixLength = 0
  #frame: Uint8Array | undefined
  #filled = 0

  constructor(bytesMax: number) {
    if (!(bytesMax > 0 && bytesMax < 2 ** 28)) throw new RangeError(`frames of ${bytesMax} bytes`)
    this.#bytesMax = bytesMax
  }

  /** True between the first byte of a prefix and the last of its frame. */
  get inside(): boolean {
    return this.#prefixLength > 0 || this.#frame !== undefined
  }

  /** Hands over each frame that is whole now. False: a prefix said more than is allowed, or was not in its shortest form; nothing was set aside for it, and nothing after it can be read. */
  read(piece: Uint8Array, take: (frame: Uint8Array) => void): boolean {
    let at = 0
    while (at < piece.length) {
      if (this.#frame === undefined) {
        if (!this.#readPrefix(piece[at] as number)) return false
        at++
      } else {
        const part = piece.subarray(at, at + this.#frame.length - this.#filled)
        this.#frame.set(part, this.#filled)
        this.#filled += part.length
        at += part.length
      }
      if (this.#frame !== undefined && this.#filled === this.#frame.length) {
        const whole = this.#frame
        this.#frame = undefined
        this.#filled = 0
        take(whole)
      }
    }
    return true
  }

  #readPrefix(byte: number): boolean {
    this.#prefix += (byte & 0x7f) * 2 ** (7 * this.#prefixLength++)
    if (this.#prefix > this.#bytesMax) return false
    if (byte >= 0x80) return this.#prefixLength < prefixBytes(this.#bytesMax)
    if (byte === 0 && this.#prefixLength > 1) return false
    this.#frame = new Uint8Array(this.#prefix)
    this.#prefix = 0
    this.#prefixLength = 0
    return true
  }
}
