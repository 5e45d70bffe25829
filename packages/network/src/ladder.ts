import type { Did, EndpointType } from '@icn/protocol'
import type { Timing } from './ports.ts'
import { NetworkTrouble } from './wire.ts'

/** All ways to a peer, tried in the order in which they are good (network page §7). Here are the direct ones; relayed ones come below them. */

const lanLimitMs = 2_000
const directLimitMs = 6_000
/** When addresses beyond the house begin, and how far apart their tries are [ms]. */
const directFromMs = 250
const stepMs = 250
const atOnceMax = 4
const ladderMs = 45_000
/** Ladders of one peer, and peers, of which the outcomes are kept. */
const laddersKept = 8
const peersKept = 1_000

/** `told`: by this node's operator, a ticket or the peer's own word of an earlier time. */
export type AddressSource = EndpointType | 'told'

export interface Way {
  readonly source: AddressSource
  /** Multiaddr without /p2p. */
  readonly address: string
  /** Why it is not tried. */
  readonly refused?: string
}

export interface RungOutcome extends Way {
  readonly path: 'direct'
  readonly outcome: 'connected' | 'failed' | 'late' | 'not_admitted' | 'refused' | 'given_up'
  /** Code of what went wrong. */
  readonly code?: string
  readonly ms: number
}

export interface LadderOutcome {
  readonly at: number
  readonly connected: boolean
  readonly rungs: readonly RungOutcome[]
}

export interface LadderParts {
  /** Connects, and ends when the peer has answered. Rejects with a NetworkTrouble. */
  dial(peer: Did, address: string, signal: AbortSignal): Promise<void>
  readonly timing: Pick<Timing, 'now' | 'after'>
  /** A try has ended. */
  tried?(rung: RungOutcome): void
}

/** Tries all ways to one peer. The first that connects wins; better ones may go on for their time, the others are given up. */
export async function climb(peer: Did, ways: readonly Way[], parts: LadderParts): Promise<LadderOutcome> {
  const at = parts.timing.now()
  const rungs: RungOutcome[] = []
  const won = new AbortController()
  const all = new AbortController()
  const cancel = parts.timing.after(ladderMs, () => all.abort())
  const add = (rung: RungOutcome): void => {
    rungs.push(rung)
    parts.tried?.(rung)
    if (rung.outcome === 'connected') won.abort()
  }
  for (const way of ways) if (way.refused !== undefined) add({ ...way, path: 'direct', outcome: 'refused', ms: 0 })
  const open = ways.filter(({ refused }) => refused === undefined)
  const near = open.filter(({ source }) => source === 'lan')
  const far = open.filter(({ source }) => source !== 'lan')
  const run = (way: Way, limitMs: number, signals: readonly AbortSignal[]): Promise<void> => tryOne(peer, way, limitMs, signals, parts).then(add)
  const both = [all.signal, won.signal]
  const climbed = Promise.all([
    atMost(near, (way) => run(way, lanLimitMs, [all.signal])),
    // Without an address in the house there is nothing to wait for.
    pause(near.length === 0 ? 0 : directFromMs, both, parts).then(() =>
      atMost(far, async (way, index) => {
        await pause(Math.min(index, atOnceMax - 1) * stepMs, both, parts)
        await run(way, directLimitMs, both)
      }),
    ),
  ])
  // Who waits for the peer does not wait for the ways that lost.
  await Promise.race([climbed, aborted(won.signal)])
  if (!won.signal.aborted) cancel()
  else void climbed.finally(cancel)
  return { at, connected: won.signal.aborted, rungs }
}

async function tryOne(peer: Did, way: Way, limitMs: number, signals: readonly AbortSignal[], { dial, timing }: LadderParts): Promise<RungOutcome> {
  const from = timing.now()
  const done = (outcome: RungOutcome['outcome'], code?: string): RungOutcome => ({
    ...way,
    path: 'direct',
    outcome,
    ...(code === undefined ? {} : { code }),
    ms: timing.now() - from,
  })
  if (signals.some(({ aborted }) => aborted)) return done('given_up')
  const late = new AbortController()
  const cancel = timing.after(limitMs, () => late.abort())
  try {
    await dial(peer, way.address, AbortSignal.any([...signals, late.signal]))
    return done('connected')
  } catch (error) {
    if (!(error instanceof NetworkTrouble)) throw error
    if (late.signal.aborted) return done('late', 'DIAL_TIMEOUT')
    if (signals.some(({ aborted }) => aborted)) return done('given_up')
    return done(error.code === 'PEER_NOT_TRUSTED' ? 'not_admitted' : 'failed', error.code)
  } finally {
    cancel()
  }
}

/** Runs over all, a few at a time. */
async function atMost<T>(items: readonly T[], run: (item: T, index: number) => Promise<void>): Promise<void> {
  const left = items.entries()
  const lane = async (): Promise<void> => {
    for (const [index, item] of left) await run(item, index)
  }
  await Promise.all(Array.from({ length: atOnceMax }, lane))
}

function pause(ms: number, signals: readonly AbortSignal[], { timing }: LadderParts): Promise<void> {
  if (ms === 0 || signals.some(({ aborted }) => aborted)) return Promise.resolve()
  return new Promise((resolve) => {
    const cancel = timing.after(ms, resolve)
    const stop = (): void => {
      cancel()
      resolve()
    }
    for (const signal of signals) signal.addEventListener('abort', stop, { once: true })
  })
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

/** The last ladders of each peer: what a doctor reads. */
export class Ladders {
  /** Peer → its ladders, oldest first. Bound: `peersKept`, least recently climbed goes. */
  readonly #kept = new Map<Did, LadderOutcome[]>()

  add(peer: Did, ladder: LadderOutcome): void {
    const ladders = this.#kept.get(peer) ?? []
    ladders.push(ladder)
    if (ladders.length > laddersKept) ladders.shift()
    this.#kept.delete(peer)
    this.#kept.set(peer, ladders)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > peersKept && oldest !== undefined) this.#kept.delete(oldest)
  }

  of(peer: Did): readonly LadderOutcome[] {
    return this.#kept.get(peer) ?? []
  }
}
