import type { Clock, OperationId, SpaceId } from '@icn/protocol'
import type { Engine } from './engine.ts'
import { isTrace, idRow } from './known.ts'
import { digestText } from './layout.ts'
import type { CommitQueue } from './queue.ts'
import { installState } from './state-in.ts'
import { openState } from './state-out.ts'
import type { Installed, InstallOptions, StateApi, StateReader, StateSource } from './states.ts'

export class States implements StateApi {
  readonly #engine: Engine
  readonly #queue: CommitQueue
  readonly #isRunning: (space: SpaceId) => boolean

  /** `isRunning`: is a cut of this space under way? */
  constructor(engine: Engine, queue: CommitQueue, isRunning: (space: SpaceId) => boolean) {
    this.#engine = engine
    this.#queue = queue
    this.#isRunning = isRunning
  }

  open(space: SpaceId): Promise<StateReader> {
    return openState(this.#engine, space)
  }

  install(source: StateSource, options: InstallOptions = {}): Promise<Installed> {
    return installState(this.#engine, this.#queue, this.#isRunning, source, options)
  }

  floor(space: SpaceId): Clock | undefined {
    return this.#engine.space(space).floor ?? undefined
  }

  isTrace(space: SpaceId, id: OperationId): boolean {
    const held = this.#engine.space(space)
    if (held.floor === null) return false
    const known = { overlay: this.#engine.facts(held).overlay, prefix: held.prefix.from, space: held }
    const row = idRow(known, digestText(id))
    return row !== undefined && row.length > 4 && isTrace(known, row.slice(4) + digestText(id))
  }

  traceOf(id: OperationId): SpaceId | undefined {
    return [...this.#engine.spaces.keys()].find((space) => this.isTrace(space, id))
  }
}
