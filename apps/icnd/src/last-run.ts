import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalStore } from '@icn/journal'

/** Whether the store is the one that ran here last (engine page §6): what lies beside it and what lies in it have to fit. */

const row = ['run', 'last']

/** Of this machine, where it has one; images of machines may share it, so it is not all that is compared. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    return ''
  }
}

/** A file that is copied or put back gets another inode, or another time of change that nobody can set. */
function tracesOf(folder: string, marker: string): string {
  const { ino, ctimeNs } = statSync(marker, { bigint: true })
  const store = statSync(join(folder, 'store'), { bigint: true })
  return [machineId(), ino, ctimeNs, store.ino].join(' ')
}

function countIn(marker: string): number {
  try {
    return Number(readFileSync(marker, 'latin1'))
  } catch {
    return Number.NaN
  }
}

/**
 * `first`: nothing has run here. `same`: it is the one that ran here last. `other`: it was lost, copied, moved or put back from a copy,
 * or the last process ended in the few milliseconds in which its start was written down.
 */
export type LastRun = 'first' | 'same' | 'other'

export function lastRun(folder: string, local: LocalStore): LastRun {
  const noted = local.get(row) as { readonly count: number; readonly traces: string } | undefined
  const marker = join(folder, 'run', 'count')
  const count = countIn(marker)
  if (noted === undefined) return Number.isNaN(count) ? 'first' : 'other'
  return count === noted.count && tracesOf(folder, marker) === noted.traces ? 'same' : 'other'
}

/** Whatever lies beside it: this store was put back from a copy. */
export function markRestored(local: LocalStore): void {
  local.write([{ key: row, value: { count: 0, traces: 'restored' } }])
}

/** This run is the last one from now on; in the folder first, so that a store from before it never fits. */
export function noteRun(folder: string, local: LocalStore): void {
  const marker = join(folder, 'run', 'count')
  const count = Math.max(0, (local.get(row) as { readonly count: number } | undefined)?.count ?? 0, countIn(marker) || 0) + 1
  const file = openSync(marker, 'w', 0o600)
  writeSync(file, String(count))
  fsyncSync(file)
  closeSync(file)
  local.write([{ key: row, value: { count, traces: tracesOf(folder, marker) } }])
}
