import { closeSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** One process holds a data directory. A stale lock is recognised by pid and start time. */
export interface FolderLock {
  release(): void
}

export class FolderHeld extends Error {
  override readonly name = 'FolderHeld'
  readonly pid: number

  constructor(folder: string, pid: number) {
    super(`${folder} is held by another icnd (process ${pid}); stop that one, or use another data directory`)
    this.pid = pid
  }
}

/** When a process began, as the system counts it; undefined where that is not told. */
function startOf(pid: number): string | undefined {
  try {
    // Field 22 of /proc/<pid>/stat, counted after the command's closing bracket (proc(5)).
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19]
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Throws FolderHeld while another process has it. Says when the last holder ended without releasing. */
export function lockFolder(folder: string): FolderLock & { readonly abandoned: { readonly at: Date } | undefined } {
  const run = join(folder, 'run')
  mkdirSync(run, { recursive: true, mode: 0o700 })
  const file = join(run, 'lock')
  let abandoned: { at: Date } | undefined
  for (;;) {
    try {
      const handle = openSync(file, 'wx', 0o600)
      writeSync(handle, JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? null }))
      closeSync(handle)
      return { abandoned, release: () => unlinkSync(file) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const holder = readHolder(file)
      if (holder !== undefined && isHolding(holder)) throw new FolderHeld(folder, holder.pid)
      abandoned = { at: statSync(file).mtime }
      unlinkSync(file)
    }
  }
}

/** The process that has the folder now; undefined: nobody. Changes nothing. */
export function holderOf(folder: string): number | undefined {
  const holder = readHolder(join(folder, 'run', 'lock'))
  return holder !== undefined && isHolding(holder) ? holder.pid : undefined
}

interface Holder {
  readonly pid: number
  readonly started: string | null
}

const isHolding = ({ pid, started }: Holder): boolean => pid !== process.pid && isAlive(pid) && (started === null || startOf(pid) === started)

function readHolder(file: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(file, 'utf8')) as { pid: unknown; started: unknown }
    return Number.isSafeInteger(pid) ? { pid: pid as number, started: typeof started === 'string' ? started : null } : undefined
  } catch {
    return undefined
  }
}
