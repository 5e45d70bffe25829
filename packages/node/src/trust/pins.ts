import type { LocalStore } from '@icn/journal'
import type { Did } from '@icn/protocol'

/** What the operator says of a DID; wins over any score. */
export interface Pin {
  readonly did: Did
  readonly permille: number
  readonly note: string
  readonly set_at: number
}

const table = 'trust.pins'

/** Pins are this node's own: kept in its local rows, never told to anybody. */
export class Pins {
  readonly #local: LocalStore

  constructor(local: LocalStore) {
    this.#local = local
  }

  get(did: Did): Pin | undefined {
    return this.#local.get([table, did]) as Pin | undefined
  }

  set(pin: Pin): void {
    this.#local.write([{ key: [table, pin.did], value: pin }])
  }

  remove(did: Did): void {
    this.#local.write([{ key: [table, did], value: undefined }])
  }

  /** By DID. */
  list(): readonly Pin[] {
    return [...this.#local.scan([table])].map(([, value]) => value as Pin)
  }
}
