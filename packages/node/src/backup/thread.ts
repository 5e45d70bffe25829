import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Code, Did, OperationId } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import type { BackupSummary } from './read.ts'
import type { Tried } from './try.ts'

/** Making and trying backups in a thread of its own, so that whoever answers members is never held up by it. */

export interface MakeTask {
  readonly kind: 'make'
  readonly file: string
  /** Of the store that is being written meanwhile. */
  readonly store: string
  readonly node: Did
  readonly at: number
  readonly release: string
  readonly networkFile: string | null
  readonly encryptFor: { readonly dids: readonly Did[]; readonly passphrase?: Uint8Array } | undefined
}

export interface TryTask {
  readonly kind: 'try'
  readonly file: string
  readonly scratch: string
  readonly node: Did
  readonly network: OperationId | undefined
  readonly seed: Uint8Array
}

export interface Answers {
  readonly make: BackupSummary
  readonly try: Tried
}

export type FromThread =
  | { readonly type: 'progress'; readonly step: string; readonly done: number; readonly total: number }
  | { readonly type: 'sign'; readonly message: Uint8Array }
  | { readonly type: 'done'; readonly answer: unknown }
  | { readonly type: 'refused'; readonly code: Code; readonly params: Readonly<Record<string, unknown>> }
  | { readonly type: 'failed'; readonly text: string }

export type ToThread = { readonly type: 'signature'; readonly signature: Uint8Array } | { readonly type: 'abort' }

/** How long a thread that was told to stop may take to tidy up [ms]. */
const patienceMs = 2_000

export interface ThreadOptions {
  /** The node's key signs what the thread has made; the key stays on this side. */
  sign?(message: Uint8Array): Uint8Array
  readonly signal?: AbortSignal | undefined
  onProgress?(step: string, done: number, total: number): void
}

/** Runs one task to its end. Rejects with a refusal, a fault, or the reason of the signal. */
export function runInThread<Kind extends keyof Answers>(task: (MakeTask | TryTask) & { readonly kind: Kind }, options: ThreadOptions): Promise<Answers[Kind]> {
  const { signal, sign, onProgress } = options
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task })
    let timer: NodeJS.Timeout | undefined
    const abort = (): void => {
      worker.postMessage({ type: 'abort' } satisfies ToThread)
      timer = setTimeout(() => void worker.terminate(), patienceMs)
    }
    signal?.addEventListener('abort', abort, { once: true })
    let end: () => void = () => reject(signal?.aborted ? signal.reason : new Error('the thread that worked on a backup ended by itself'))
    worker.on('message', (message: FromThread) => {
      if (message.type === 'progress') onProgress?.(message.step, message.done, message.total)
      else if (message.type === 'sign') worker.postMessage({ type: 'signature', signature: sign?.(message.message) ?? new Uint8Array(64) } satisfies ToThread)
      else if (message.type === 'done') end = () => resolve(message.answer as Answers[Kind])
      else if (message.type === 'refused') end = () => reject(refuse(message.code, message.params))
      else end = () => reject(signal?.aborted ? signal.reason : new Error(message.text))
    })
    worker.on('error', (error) => {
      end = () => reject(error)
    })
    // Only when it is over is nothing of it open any more.
    worker.on('exit', () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      end()
    })
  })
}

/** A folder for one trial, gone when it is over. */
export async function withScratch<T>(parent: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = join(parent, `${scratchStart}${randomBytes(6).toString('hex')}`)
  try {
    return await work(scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** How the names of such folders begin; what a crash has left of them can go. */
export const scratchStart = 'scratch-'
