/** I-JSON (RFC 7493) as the doors take it: UTF-8, no repeated names, bounded nesting, no names that reach into objects' making. */

export class NotJson extends Error {
  override readonly name = 'NotJson'
}

const depthMax = 32
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Parses bytes; throws NotJson with the reason. */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new NotJson('not UTF-8')
  }
  return parseJsonText(text)
}

export function parseJsonText(text: string): unknown {
  // The scanner finds what the platform's parser forgives; the parser then does the work.
  new Scanner(text).scan()
  try {
    return JSON.parse(text)
  } catch {
    throw new NotJson('a text holds what it may not')
  }
}

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  scan(): void {
    this.#value(0)
    this.#space()
    if (this.#at !== this.#text.length) throw new NotJson(`something stands after the end, at ${this.#at}`)
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at)
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return
      this.#at++
    }
  }

  #value(depth: number): void {
    if (depth > depthMax) throw new NotJson(`nested deeper than ${depthMax}`)
    this.#space()
    const c = this.#text[this.#at]
    if (c === '{') this.#object(depth)
    else if (c === '[') this.#array(depth)
    else if (c === '"') this.#string()
    else this.#literal()
  }

  #object(depth: number): void {
    this.#at++
    const names = new Set<string>()
    this.#space()
    if (this.#text[this.#at] === '}') {
      this.#at++
      return
    }
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw new NotJson(`a name is missing at ${this.#at}`)
      const name = this.#string()
      if (names.has(name)) throw new NotJson('a name stands twice in one object')
      if (forbidden.has(name)) throw new NotJson('a name that no object may have')
      names.add(name)
      this.#space()
      if (this.#text[this.#at++] !== ':') throw new NotJson(`a colon is missing at ${this.#at - 1}`)
      this.#value(depth + 1)
      this.#space()
      const c = this.#text[this.#at++]
      if (c === '}') return
      if (c !== ',') throw new NotJson(`a comma is missing at ${this.#at - 1}`)
    }
  }

  #array(depth: number): void {
    this.#at++
    this.#space()
    if (this.#text[this.#at] === ']') {
      this.#at++
      return
    }
    for (;;) {
      this.#value(depth + 1)
      this.#space()
      const c = this.#text[this.#at++]
      if (c === ']') return
      if (c !== ',') throw new NotJson(`a comma is missing at ${this.#at - 1}`)
    }
  }

  #string(): string {
    const start = this.#at++
    let escaped = false
    for (;;) {
      const c = this.#text.charCodeAt(this.#at++)
      if (Number.isNaN(c)) throw new NotJson('a text does not end')
      if (c === 34) break
      if (c === 92) {
        escaped = true
        this.#at++
      }
    }
    const raw = this.#text.slice(start, this.#at)
    if (!escaped) return raw.slice(1, -1)
    let value: string
    try {
      value = JSON.parse(raw) as string
    } catch {
      throw new NotJson(`a text is not well-formed at ${start}`)
    }
    if (!value.isWellFormed()) throw new NotJson('half a surrogate pair')
    return value
  }

  #literal(): void {
    const start = this.#at
    while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at] as string)) this.#at++
    const word = this.#text.slice(start, this.#at)
    if (word === 'true' || word === 'false' || word === 'null') return
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(word)) throw new NotJson(`neither value nor end at ${start}`)
    if (!Number.isFinite(Number(word))) throw new NotJson('a number out of range')
  }
}
