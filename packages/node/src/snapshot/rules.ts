import { type Clock, compareClocks } from '@icn/protocol'

/**
 * The rules by which hosts agree on a cut (snapshot page §4). Two majorities share a host; what that host remembers makes the second keep what the first
 * decided. Whoever changes a rule here, changes the model beside it in the same commit.
 */

/** Which attempt it is, by number and then by key. */
export type Ballot = readonly [n: number, key: Uint8Array]

export const compareBallots = (a: Ballot, b: Ballot): number => a[0] - b[0] || Buffer.compare(a[1], b[1])

export interface Promised {
  readonly ballot: Ballot
  readonly cut: Clock
}

/** Durable before the message that it allows is sent. */
export interface Memory<Accepted extends Promised> {
  readonly promised: Promised | null
  readonly accepted: Accepted | null
  /** Highest number of a ballot that was seen. */
  readonly highest: number
}

export const noMemory: Memory<never> = { promised: null, accepted: null, highest: 0 }

/** R1: only a ballot that is higher than the promised one may be marked. Undefined: it is not, and the promised one is the answer. */
export function promise<Accepted extends Promised>(memory: Memory<Accepted>, promised: Promised): Memory<Accepted> | undefined {
  if (memory.promised !== null && compareBallots(promised.ballot, memory.promised.ballot) <= 0) return undefined
  return { ...memory, promised, highest: Math.max(memory.highest, promised.ballot[0]) }
}

/** R2: only the promised ballot may be acknowledged. */
export function accept<Accepted extends Promised>(memory: Memory<Accepted>, accepted: Accepted): Memory<Accepted> | undefined {
  if (memory.promised === null || compareBallots(accepted.ballot, memory.promised.ballot) !== 0) return undefined
  return { ...memory, accepted }
}

/** R3: what a marker has to carry: whatever was acknowledged and is not decided as far as is known here. */
export function carried<Accepted extends Promised>({ accepted }: Memory<Accepted>, lastCut: Clock | null): Accepted | null {
  return accepted !== null && (lastCut === null || compareClocks(accepted.cut, lastCut) > 0) ? accepted : null
}

/** R5: the one whose layers are kept as they are. Null: nobody has acknowledged anything that may count. */
export function baseOf<Accepted extends Promised>(carried: readonly (Accepted | null)[]): Accepted | null {
  return carried.reduce((best, one) => (one !== null && (best === null || compareBallots(one.ballot, best.ballot) > 0) ? one : best), null)
}

/** R10: higher than any that was seen. Durable before it is used, or a coordinator that forgets begins two attempts under one ballot. */
export function begin<Accepted extends Promised>(memory: Memory<Accepted>, key: Uint8Array): { readonly memory: Memory<Accepted>; readonly ballot: Ballot } {
  const highest = memory.highest + 1
  return { memory: { ...memory, highest }, ballot: [highest, key] }
}

/** A ballot of somebody else was seen. */
export const saw = <Accepted extends Promised>(memory: Memory<Accepted>, [n]: Ballot): Memory<Accepted> => (n <= memory.highest ? memory : { ...memory, highest: n })

/** Section 6: more than half of each of these sets. */
export function isEnough<Host>(who: ReadonlySet<Host>, ...sets: readonly (readonly Host[])[]): boolean {
  return sets.every((set) => 2 * set.filter((host) => who.has(host)).length > set.length)
}

/** Larger: a host that lies uses up all numbers sooner; smaller: whoever was away for very long hears nobody. */
const ballotStepMax = 1_000_000

/** Nobody may make all further ballots impossible by naming the last number there is. */
export const isNear = ({ highest }: Pick<Memory<never>, 'highest'>, [n]: Ballot): boolean => n <= highest + ballotStepMax
