import { constants } from 'node:fs'
import { mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { OperationId, SpaceId } from '../ids.ts'
import { operationId } from '../schema.ts'
import { KeyFileRefused } from './format.ts'
import { readSafely, writeSafely } from './file.ts'

/**
 * Where a key's chains end, next to the key file: (space, genesis) → number and operation. Written before an operation leaves,
 * so that a key that talks to two hosts in turn, or in two processes at once, never uses one number twice.
 */

const PositionsFile = z.strictObject({ v: z.literal(1), positions: z.record(z.string(), z.strictObject({ seq: z.int().min(0), operation: operationId })) })
export interface ChainPosition {
  readonly seq: number
  readonly operation: OperationId
}

const lockWaitMs = 5_000
const lockStepMs = 20

export class ChainPositions {
  readonly #file: string

  constructor(keyFile: string) {
    this.#file = `${keyFile.replace(/\.key$/, '')}.positions.json`
  }

  async get(space: SpaceId, genesis: OperationId): Promise<ChainPosition | undefined> {
    return (await this.#read())[`${space} ${genesis}`]
  }

  /** Durable when it returns. False: this number or a later one has left already; draft again after it. */
  async claim(space: SpaceId, genesis: OperationId, next: ChainPosition): Promise<boolean> {
    return this.#locked(async () => {
      const positions = await this.#read()
      const key = `${space} ${genesis}`
      const last = positions[key]
      if (last !== undefined && last.seq >= next.seq && last.operation !== next.operation) return false
      if (last?.operation !== next.operation) await writeSafely(this.#file, `${JSON.stringify({ v: 1, positions: { ...positions, [key]: next } }, null, 2)}\n`)
      return true
    })
  }

  /** A door has refused and forgotten an operation: its number is free again, unless something later has left. */
  async release(space: SpaceId, genesis: OperationId, operation: OperationId, before: ChainPosition | undefined): Promise<void> {
    await this.#locked(async () => {
      const { [`${space} ${genesis}`]: last, ...others } = await this.#read()
      if (last?.operation !== operation) return
      const positions = before === undefined ? others : { ...others, [`${space} ${genesis}`]: before }
      await writeSafely(this.#file, `${JSON.stringify({ v: 1, positions }, null, 2)}\n`)
    })
  }

  async #read(): Promise<Readonly<Record<string, ChainPosition>>> {
    let content: Buffer
    try {
      content = await readSafely(this.#file, () => new KeyFileRefused('KEY_FILE_MISSING', { file: this.#file }))
    } catch (error) {
      if (error instanceof KeyFileRefused && error.code === 'KEY_FILE_MISSING') return {}
      throw error
    }
    // A broken file must not count as empty: numbers would be used again.
    try {
      return PositionsFile.parse(JSON.parse(content.toString('utf8'))).positions
    } catch {
      throw new KeyFileRefused('KEY_FILE_INVALID', { detail: `${this.#file} is damaged` })
    }
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const lock = `${this.#file}.lock`
    await mkdir(dirname(lock), { recursive: true, mode: 0o700 })
    const until = Date.now() + lockWaitMs
    for (;;) {
      try {
        const handle = await open(lock, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
        await handle.writeFile(String(process.pid))
        await handle.close()
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        if (await isAbandoned(lock)) await unlink(lock).catch(() => {})
        else if (Date.now() > until) throw new Error(`${lock} is held by another process`)
        await new Promise((resolve) => setTimeout(resolve, lockStepMs))
      }
    }
    try {
      return await work()
    } finally {
      await unlink(lock).catch(() => {})
    }
  }
}

/** The process that made the lock has ended without removing it. */
async function isAbandoned(lock: string): Promise<boolean> {
  const text = await readFile(lock, 'utf8').catch(() => '')
  const pid = Number(text)
  if (text === '' || !Number.isSafeInteger(pid) || pid <= 0) {
    // It ended between making the lock and writing its number.
    const made = await stat(lock).catch(() => undefined)
    return made !== undefined && Date.now() - made.mtimeMs > lockWaitMs / 2
  }
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
