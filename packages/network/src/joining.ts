import { codes, type Did, type Frame, type FrameOf, type OperationId, type SpaceId } from '@icn/protocol'
import type { HostingPort } from './ports.ts'
import type { Timers } from './timers.ts'
import { NetworkTrouble } from './wire.ts'

export type JoinFrame = FrameOf<'ask' | 'draft' | 'accept' | 'welcome'>

export const isJoinFrame = (frame: Frame): frame is JoinFrame => frame.t === 'ask' || frame.t === 'draft' || frame.t === 'accept' || frame.t === 'welcome'

/** How long a host may take to draft and to fold [ms]. */
const answerMsMax = 15_000

interface Asked {
  readonly genesis: OperationId
  cancelTimer(): void
  resolve(): void
  reject(trouble: NetworkTrouble): void
}

/** How a node that was named as a host becomes one, over a link to a node that is one (network page §4): ask, draft, accept, welcome. */
export class Joining {
  readonly #peer: Did
  readonly #hosting: HostingPort
  readonly #timers: Timers
  readonly #send: (frame: JoinFrame) => void
  readonly #asked = new Map<SpaceId, Asked>()

  constructor(peer: Did, hosting: HostingPort, timers: Timers, send: (frame: JoinFrame) => void) {
    this.#peer = peer
    this.#hosting = hosting
    this.#timers = timers
    this.#send = send
  }

  /** Ends when the peer has taken this node in; rejects with a NetworkTrouble otherwise. */
  join(space: SpaceId, genesis: OperationId): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end(space, new NetworkTrouble('NO_PATH', 'asked again'))
      const cancelTimer = this.#timers.after(answerMsMax, () => this.#end(space, new NetworkTrouble('DIAL_TIMEOUT', 'the host did not answer')))
      this.#asked.set(space, { genesis, cancelTimer, resolve, reject })
      this.#send({ t: 'ask', space, genesis })
    })
  }

  async handle(frame: JoinFrame): Promise<void> {
    const { space } = frame
    switch (frame.t) {
      case 'ask': {
        const draft = this.#hosting.draft(this.#peer, space)
        if (draft === 'host') this.#send({ t: 'welcome', space, ok: true })
        // The same whether the space is unknown here or does not know the peer.
        else if (draft === undefined) this.#send({ t: 'welcome', space, ok: false, code: 'SPACE_NOT_PROVEN' })
        else this.#send({ t: 'draft', space, ...draft })
        break
      }
      case 'accept': {
        const [envelope, signature, body] = frame.op
        const code = await this.#hosting.accept(this.#peer, space, { envelope, signature, body })
        this.#send({ t: 'welcome', space, ok: code === undefined, ...(code === undefined ? {} : { code }) })
        break
      }
      case 'draft': {
        const asked = this.#asked.get(space)
        if (asked === undefined) break
        const signed = this.#hosting.sign(space, asked.genesis, frame)
        if (signed === undefined) this.#end(space, new NetworkTrouble('OPERATION_MALFORMED', 'the draft says something else than that this node accepts'))
        else this.#send({ t: 'accept', space, op: [signed.envelope, signed.signature, signed.body] })
        break
      }
      case 'welcome':
        // A peer may say anything; only what the table knows is passed on.
        this.#end(
          space,
          frame.ok ? undefined : new NetworkTrouble(Object.hasOwn(codes, frame.code ?? '') ? (frame.code as string) : 'SPACE_NOT_PROVEN', 'the host does not take this node in'),
        )
        break
    }
  }

  /** The link is gone. */
  lost(): void {
    for (const space of [...this.#asked.keys()]) this.#end(space, new NetworkTrouble('NO_PATH', 'the connection was lost'))
  }

  #end(space: SpaceId, trouble: NetworkTrouble | undefined): void {
    const asked = this.#asked.get(space)
    this.#asked.delete(space)
    asked?.cancelTimer()
    if (trouble === undefined) asked?.resolve()
    else asked?.reject(trouble)
  }
}
