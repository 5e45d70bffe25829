import { equalBytes, secondMs, type SnapMessage } from '@icn/protocol'

/** Larger: memory for whoever talks nonsense; smaller: a late beginning finds nothing. */
const earlyMax = 256
const earlyMs = 60 * secondMs

/** Words in attempts that have not been heard of yet. */
export class Early {
  readonly #now: () => number
  #kept: { readonly message: SnapMessage; readonly until: number }[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  keep(message: SnapMessage): void {
    if (message.type !== 'Marker' && message.type !== 'SnapshotAck') return
    const now = this.#now()
    this.#kept = [...this.#kept.filter(({ until }) => until > now).slice(1 - earlyMax), { message, until: now + earlyMs }]
  }

  /** What was said in this attempt. */
  take(id: Uint8Array): SnapMessage[] {
    const isOfIt = ({ message }: { readonly message: SnapMessage }): boolean => equalBytes(message.snapshot_id, id)
    const found = this.#kept.filter(isOfIt)
    this.#kept = this.#kept.filter((one) => !isOfIt(one))
    return found.map(({ message }) => message)
  }
}
