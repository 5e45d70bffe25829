import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One row of a benchmark: what was measured, what bounds it, and the goal as a ratio of the two. Measured in one run on one machine. */
export interface Row {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly bound: string
  readonly boundValue: number
  readonly goal: { readonly atLeast: number } | { readonly atMost: number }
  /** Why the row could not be measured here. */
  readonly absent?: string
}

export function ratio(row: Row): number {
  return row.value / row.boundValue
}

export function met(row: Row): boolean {
  return 'atLeast' in row.goal ? ratio(row) >= row.goal.atLeast : ratio(row) <= row.goal.atMost
}

export function print(rows: readonly Row[]): void {
  for (const row of rows) {
    if (row.absent !== undefined) {
      const own = row.value > 0 ? `${format(row.value)} ${row.unit}; not compared` : 'not measured'
      process.stdout.write(`–     ${row.name}: ${own}, ${row.absent}\n`)
      continue
    }
    const goal = 'atLeast' in row.goal ? `≥ ${row.goal.atLeast}` : `≤ ${row.goal.atMost}`
    process.stdout.write(
      `${met(row) ? 'met  ' : 'below'} ${row.name}: ${format(row.value)} ${row.unit}; ${row.bound}: ${format(row.boundValue)}; ratio ${ratio(row).toFixed(2)} (goal ${goal})\n`,
    )
  }
  process.stdout.write(
    `${JSON.stringify({ rows: rows.map((row) => ({ ...row, ratio: row.absent === undefined ? ratio(row) : null, met: row.absent === undefined ? met(row) : null })) })}\n`,
  )
}

const format = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))

export function scratchFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'icn-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The median of some runs, so that one pause of the machine does not decide. */
export async function median(times: number, run: () => Promise<number> | number): Promise<number> {
  return (await medians(times, run))[0] as number
}

/** The same of several things in turn, so that whatever else the machine does meets all of them. */
export async function medians(times: number, ...runs: readonly (() => Promise<number> | number)[]): Promise<number[]> {
  const values = runs.map((): number[] => [])
  for (let i = 0; i < times; i++) for (const [index, run] of runs.entries()) values[index]?.push(await run())
  return values.map((all) => all.sort((a, b) => a - b)[times >> 1] as number)
}

export function perSecond(count: number, milliseconds: number): number {
  return (count / milliseconds) * 1_000
}
