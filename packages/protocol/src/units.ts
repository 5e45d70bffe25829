import type { Brand } from './ids.ts'

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Brand<number, 'EpochMs'>
/** Thousandths: 1000 is the whole. */
export type Permille = Brand<number, 'Permille'>
/** Mutual credit in minor units of the coop's currency. Signed: a debt is negative. A bigint; on the wire a decimal string, because JSON numbers round above 2^53. */
export type MinorUnits = Brand<bigint, 'MinorUnits'>

/** Hybrid logical clock value: wall milliseconds and a counter 0..65535. */
export type Clock = readonly [ms: number, n: number]

export const clockZero: Clock = [0, 0]
export const clockCounterMax = 65535

/** Negative, zero or positive as `a` stands before, at or after `b`. */
export function compareClocks(a: Clock, b: Clock): number {
  return a[0] - b[0] || a[1] - b[1]
}

/** The smallest clock value after `at`. */
export function clockAfter(at: Clock): Clock {
  return at[1] < clockCounterMax ? [at[0], at[1] + 1] : [at[0] + 1, 0]
}

export const secondMs = 1_000
export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000
