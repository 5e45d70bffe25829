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
      process.stdout.write(`–     ${row.name}: not measured, ${row.absent}\n`)
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

/** The median of three runs, so that one pause of the machine does not decide. */
export async function median(times: number, run: () => Promise<number> | number): Promise<number> {
  const values: number[] = []
  for (let i = 0; i < times; i++) values.push(await run())
  return values.sort((a, b) => a - b)[times >> 1] as number
}

export function perSecond(count: number, milliseconds: number): number {
  return (count / milliseconds) * 1_000
}
