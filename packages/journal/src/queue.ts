import type { OperationId } from '@icn/protocol'
import type { PlacedOperation } from './api.ts'
import { Batch } from './batch.ts'
import type { Engine } from './engine.ts'
import { Refusal } from './refusal.ts'
import { StoreFault } from './store/port.ts'

/** One caller's part of a commit. */
interface Item {
  readonly operations: number
  readonly bytes: number
  run(batch: Batch): unknown
  resolve(value: never): void
  reject(error: unknown): void
}

export interface QueueParts {
  readonly lookup: (id: OperationId) => PlacedOperation | undefined
  /** After the fsync and after the callers have their answers. */
  readonly committed: (batch: Batch) => void
  /** The store could not write; nobody knows how much of it is there. Before the callers are told. */
  readonly failed: (error: StoreFault) => void
}

/** The way to the single writer: what waits together shares one durable write (engine page §5). */
export class CommitQueue {
  readonly #engine: Engine
  readonly #parts: QueueParts
  readonly #items: Item[] = []
  #scheduled = false
  #closed = false
  /** No new operations while the disk is too full; upkeep goes on. */
  isFull = false

  constructor(engine: Engine, parts: QueueParts) {
    this.#engine = engine
    this.#parts = parts
  }

  /** Runs inside the writer's next commit. A Refusal rejects this caller alone. */
  add<T>(operations: number, bytes: number, run: (batch: Batch) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new Refusal('STOPPING'))
    if (this.isFull && operations > 0) return Promise.reject(new Refusal('STORE_FULL'))
    return new Promise<T>((resolve, reject) => {
      this.#items.push({ operations, bytes, run, resolve: resolve as (value: never) => void, reject })
      this.#schedule()
    })
  }

  /** Takes nothing new; ends when what waits is written. */
  async drain(): Promise<void> {
    this.#closed = true
    while (this.#items.length > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Whatever arrives in this turn of the loop shares one fsync.
    setImmediate(() => {
      this.#scheduled = false
      this.#run(this.#take())
      if (this.#items.length > 0) this.#schedule()
    })
  }

  #take(): Item[] {
    const { batchOpsMax, batchBytesMax } = this.#engine.parts.options
    const items: Item[] = []
    let operations = 0
    let bytes = 0
    for (const item of this.#items) {
      if (items.length > 0 && (operations + item.operations > batchOpsMax || bytes + item.bytes > batchBytesMax)) break
      operations += item.operations
      bytes += item.bytes
      items.push(item)
    }
    this.#items.splice(0, items.length)
    return items
  }

  /** A refusal concerns its caller alone. Anything else thrown leaves the overlay half written: it is dropped, and each item gets a batch of its own. */
  #run(items: readonly Item[]): void {
    const batch = new Batch(this.#engine)
    batch.lookup = this.#parts.lookup
    const settled: (() => void)[] = []
    try {
      for (const item of items) {
        try {
          const value = item.run(batch)
          settled.push(() => item.resolve(value as never))
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          settled.push(() => item.reject(error))
        }
      }
      this.#commit(batch)
    } catch (error) {
      if (items.length > 1 && !(error instanceof StoreFault)) {
        for (const item of items) this.#run([item])
        return
      }
      if (error instanceof StoreFault) this.#parts.failed(error)
      else this.#engine.parts.observer?.fault?.('commit', error)
      for (const item of items) item.reject(error)
      return
    }
    for (const settle of settled) settle()
    this.#parts.committed(batch)
  }

  #commit(batch: Batch): void {
    const began = performance.now()
    batch.commit()
    const { observer } = this.#engine.parts
    if (batch.operations > 0) observer?.committed?.(performance.now() - began, batch.operations)
    for (const work of batch.works) {
      if (work.rewound > 0) observer?.rewound?.(work.rewound)
      if (work.revised > 0) observer?.revised?.(work.revised)
      for (const event of work.events) if (event.status !== null && event.type === `operation.${event.status}`) observer?.placed?.(event.data['kind'] as string, event.status)
    }
  }
}
