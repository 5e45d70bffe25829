import { type Did, encodeCanonical, readMessage, TimeAnswer, TimeQuestion } from '@icn/protocol'
import { blockOf, ipOf } from './addresses.ts'
import { NetworkTrouble } from './wire.ts'

/** Comparison of this node's wall clock with those of its peers (network page §10). It adjusts nothing. */

export const timeProtocol = '/icn/time/1'
/** Larger: more traffic for the same answer; smaller: a few liars are a majority sooner. */
const peersMax = 16
/** Peers of one block of addresses: who owns a block must not be a majority. */
const blockPeersMax = 3
/** With fewer the answer is that nobody knows. */
const samplesMin = 3
/** A slower answer says too little [ms]. */
const roundTripMsMax = 2_000
const goodMs = 1_000
const warnMs = 5_000
/** Beyond this every peer would hold what is written here. */
const aheadMsMax = 60_000

/** `noted`: off by less than five seconds; `off`: by more; `ahead`, `behind`: by more than a minute. */
export type ClockState = 'unknown' | 'ok' | 'noted' | 'off' | 'ahead' | 'behind'

export interface ClockReading {
  readonly state: ClockState
  /** How far this node's clock is ahead of the median of its peers [ms]; negative: behind. Null: too few peers. */
  readonly aheadMs: number | null
  /** Peers whose answer counted. */
  readonly samples: number
}

export interface ClockParts {
  /** Peers that may be asked, each with the address of its connection. */
  peers(): readonly { readonly peer: Did; readonly address: string | undefined }[]
  ask(peer: Did, request: Uint8Array): Promise<Uint8Array>
  /** Wall clock [ms]. */
  now(): number
  /** 0 ≤ x < 1. */
  chance(): number
}

/** The answer of a node to whom asks for its time; undefined for what is no question. */
export async function answerTime(request: Uint8Array, now: () => number): Promise<Uint8Array | undefined> {
  const t1 = now()
  const read = readMessage(TimeQuestion, request)
  return read === undefined ? undefined : encodeCanonical({ n: read.n, t1, t2: now() })
}

/** Asks up to sixteen peers. No single one moves the answer: it is the median of at least three. */
export async function checkClock(parts: ClockParts): Promise<ClockReading> {
  const asked = await Promise.all(chosen(parts).map((peer) => sample(peer, parts)))
  const samples = asked.filter((one) => one !== undefined).sort((a, b) => a - b)
  if (samples.length < samplesMin) return { state: 'unknown', aheadMs: null, samples: samples.length }
  const middle = samples.length >> 1
  const upper = samples[middle] as number
  const aheadMs = Math.round(samples.length % 2 === 1 ? upper : (upper + (samples[middle - 1] as number)) / 2)
  return { state: stateOf(aheadMs), aheadMs, samples: samples.length }
}

function stateOf(aheadMs: number): ClockState {
  if (aheadMs > aheadMsMax) return 'ahead'
  if (aheadMs < -aheadMsMax) return 'behind'
  const off = Math.abs(aheadMs)
  return off > warnMs ? 'off' : off > goodMs ? 'noted' : 'ok'
}

/** Drawn at random, so that nobody is asked always, and few of one block. */
function chosen({ peers, chance }: ClockParts): readonly Did[] {
  const drawn = peers()
    .map((one) => ({ ...one, lot: chance() }))
    .sort((a, b) => a.lot - b.lot)
  const ofBlock = new Map<string, number>()
  const taken: Did[] = []
  for (const { peer, address } of drawn) {
    const block = blockOf(ipOf(address ?? '') ?? '')
    const count = ofBlock.get(block) ?? 0
    if (count >= blockPeersMax || taken.length >= peersMax) continue
    ofBlock.set(block, count + 1)
    taken.push(peer)
  }
  return taken
}

/** How far this clock is ahead of a peer's [ms]; undefined where the answer is late or none. */
async function sample(peer: Did, { ask, now, chance }: ClockParts): Promise<number | undefined> {
  const n = Math.floor(chance() * 2 ** 32)
  const t0 = now()
  try {
    const read = readMessage(TimeAnswer, await ask(peer, encodeCanonical({ n, t0 })))
    const t3 = now()
    if (read === undefined || read.n !== n || t3 - t0 > roundTripMsMax || t3 < t0) return undefined
    return (t0 + t3 - read.t1 - read.t2) / 2
  } catch (error) {
    if (error instanceof NetworkTrouble) return undefined
    throw error
  }
}
