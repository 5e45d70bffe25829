import { type AbortReason, type Did, encodeSnapMessage, type OperationId, signSnapMessage, type SnapMessage, type SnapMessageOf, type SpaceId, type Unsigned } from '@icn/protocol'
import type { Attempt, Initiate } from './attempt.ts'
import type { Ballot } from './rules.ts'

export interface SpeakerParts {
  readonly space: SpaceId
  readonly node: Did
  network(): OperationId
  sign(message: Uint8Array): Uint8Array
  /** Says it to every host of the space. */
  tell(message: Uint8Array): void
  readonly timing: { now(): number }
}

type Content<T extends SnapMessage['type']> = Unsigned<SnapMessageOf<T>>

/** What this host says about cuts of one space: signed, and never the same bytes twice. */
export class Speaker {
  readonly #parts: SpeakerParts
  #counter = 0

  constructor(parts: SpeakerParts) {
    this.#parts = parts
  }

  say<T extends SnapMessage['type']>(of: { readonly id: Uint8Array; readonly ballot: Ballot }, type: T, body: SnapMessageOf<T>['body'], to?: Did): SnapMessageOf<T> {
    const { space, node } = this.#parts
    const content = {
      v: 1,
      network_id: this.#parts.network(),
      space,
      snapshot_id: of.id,
      ballot: [...of.ballot],
      from: node,
      ...(to === undefined ? {} : { to }),
      sent_at: this.#sentAt(),
      type,
      body,
    } as unknown as Content<T>
    return this.#send<T>(content)
  }

  /** The same once more, to whoever has not heard it. */
  again(message: SnapMessage): void {
    const { signature: _, ...content } = message
    this.#send({ ...content, sent_at: this.#sentAt() } as Unsigned<SnapMessage>)
  }

  refuse(initiate: Initiate, reason: AbortReason, more: Partial<SnapMessageOf<'Abort'>['body']> = {}): void {
    const { node } = this.#parts
    if (initiate.from !== node) this.say({ id: initiate.snapshot_id, ballot: initiate.ballot }, 'Abort', { sender: node, reason, ...more }, initiate.from)
  }

  abort(attempt: Attempt, reason: AbortReason): void {
    this.say(attempt, 'Abort', { sender: this.#parts.node, reason })
  }

  #sentAt(): [number, number] {
    this.#counter = (this.#counter + 1) % 65_536
    return [this.#parts.timing.now(), this.#counter]
  }

  #send<T extends SnapMessage['type']>(content: Unsigned<SnapMessage>): SnapMessageOf<T> {
    const message = signSnapMessage<SnapMessage>(content, (bytes) => this.#parts.sign(bytes)) as SnapMessageOf<T>
    this.#parts.tell(encodeSnapMessage(message))
    return message
  }
}
