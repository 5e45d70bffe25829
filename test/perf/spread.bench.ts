import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Row } from './lib.ts'
import type { Measured } from './spread-run.ts'

/** How fast what is written at one node is at all others, beside gossipsub carrying the same operations in the same run. Each side has its time to itself. */

const sideMs = 30_000

/** What one side measured, or why it did not. */
async function side(name: 'icn' | 'gossipsub', size: number): Promise<Measured | string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, join(import.meta.dirname, 'spread-run.ts'), name, String(size)], { timeout: sideMs })
    return JSON.parse(stdout) as Measured
  } catch (error) {
    return (error as { readonly killed?: boolean }).killed === true ? `${name} did not bring everything to all of them within ${sideMs / 1_000} s` : (error as Error).message
  }
}

async function compare(size: number): Promise<Row[]> {
  const [ours, theirs] = [await side('icn', size), await side('gossipsub', size)]
  const absent = [ours, theirs].filter((one) => typeof one === 'string').join('; ')
  const none: Measured = { perSecond: 0, latencyMs: 0, bytes: 0 }
  const [own, other] = [typeof ours === 'string' ? none : ours, typeof theirs === 'string' ? none : theirs]
  const shared = { bound: 'gossipsub', ...(absent === '' ? {} : { absent }) }
  return [
    {
      ...shared,
      name: `many operations of ${Math.round(own.bytes)} bytes from one to ${size} nodes`,
      value: own.perSecond,
      unit: 'operations/s',
      boundValue: other.perSecond,
      goal: { atLeast: 5 },
    },
    { ...shared, name: `one operation to ${size} nodes`, value: own.latencyMs, unit: 'ms', boundValue: other.latencyMs, goal: { atMost: size >= 10 ? 0.5 : 1 } },
  ]
}

export async function spreadBench(): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of [3, 5, 10]) rows.push(...(await compare(size)))
  return rows
}
