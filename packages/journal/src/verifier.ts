import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { verifySignature } from '@icn/protocol/node'
import { packChecks } from './check-packing.ts'
import type { SignatureCheck } from './receive.ts'

export interface VerifierOptions {
  /** Threads that verify big batches; 0: everything on the caller's thread. */
  readonly threads?: number
  /** In place of this platform's own, on the caller's thread. */
  readonly check?: ((check: SignatureCheck) => boolean) | undefined
}

/** Below this many signatures a hand-over to a thread costs more than it saves. */
const inlineMax = 16
/** Signatures handed over at once. */
const sliceMax = 128

/** Checks signatures before the queue, in parallel, each once. Never throws on any bytes. */
export class Verifier {
  readonly #threads: number
  readonly #check: (check: SignatureCheck) => boolean
  #workers: Worker[] = []
  #waiting = new Map<number, { resolve: (good: readonly boolean[]) => void; checks: readonly SignatureCheck[]; worker: Worker }>()
  #ticket = 0
  #next = 0

  constructor(options: VerifierOptions = {}) {
    this.#threads = options.threads ?? Math.max(1, availableParallelism() - 1)
    this.#check = options.check ?? inline
  }

  async verify(checks: readonly SignatureCheck[]): Promise<readonly boolean[]> {
    if (checks.length <= inlineMax || this.#threads === 0) return checks.map((check) => this.#check(check))
    this.#start()
    const slices: Promise<readonly boolean[]>[] = []
    for (let from = 0; from < checks.length; from += sliceMax) slices.push(this.#hand(checks.slice(from, from + sliceMax)))
    return (await Promise.all(slices)).flat()
  }

  async close(): Promise<void> {
    const workers = this.#workers
    this.#workers = []
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #start(): void {
    while (this.#workers.length < this.#threads) {
      const worker = new Worker(new URL('./verify-worker.ts', import.meta.url))
      worker.unref()
      worker.on('message', ({ ticket, good }: { ticket: number; good: readonly boolean[] }) => {
        this.#waiting.get(ticket)?.resolve(good)
        this.#waiting.delete(ticket)
        if (this.#waiting.size === 0) for (const one of this.#workers) one.unref()
      })
      // A lost thread loses no work: its slices are checked here, and the next batch starts another.
      worker.on('exit', () => {
        this.#workers = this.#workers.filter((other) => other !== worker)
        for (const [ticket, entry] of this.#waiting) {
          if (entry.worker !== worker) continue
          this.#waiting.delete(ticket)
          entry.resolve(entry.checks.map(inline))
        }
      })
      worker.on('error', () => {})
      this.#workers.push(worker)
    }
  }

  #hand(checks: readonly SignatureCheck[]): Promise<readonly boolean[]> {
    return new Promise((resolve) => {
      const ticket = this.#ticket++
      const worker = this.#workers[this.#next++ % this.#workers.length] as Worker
      this.#waiting.set(ticket, { resolve, checks, worker })
      // Only a thread that owes an answer keeps the process alive.
      worker.ref()
      const packed = packChecks(checks)
      worker.postMessage({ ticket, packed }, [packed.buffer])
    })
  }
}

const inline = ({ signature, message, key }: SignatureCheck): boolean => verifySignature(signature, message, key)
