import { randomBytes } from 'node:crypto'
import { type Clock, type Did, decodeTrusted, encodeTrusted, type OperationId, type Rules, type SettledCut, type SpaceId } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import { HybridClock } from './clock.ts'
import { fillContents } from './contents.ts'
import { readFloor, readSettled } from './cut-records.ts'
import type { DigestText } from './layout.ts'
import type { JournalObserver, JournalOptions } from './options.ts'
import { Overlay } from './overlay.ts'
import type { Source } from './store/port.ts'
import { candidateOf, type SignatureCheck } from './receive.ts'
import { emptySummary, type SpaceRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import { HeldSpace, readSummary } from './space.ts'
import { RowCache, State } from './state.ts'
import type { Store } from './store/port.ts'
import type { Candidate, FoldHooks } from './candidate.ts'
import { SpaceWork } from './work.ts'

/** What the journal is handed at composition. */
export interface JournalParts {
  readonly store: Store
  /** This node's key: its DID signs proposals and acknowledgements. */
  readonly key: SigningKey
  readonly node: Did
  /** The newest rules for a space of this name. */
  rulesOf(space: SpaceId): Rules
  /** Wall clock [ms]. */
  wall(): number
  readonly observer?: JournalObserver
  readonly options: JournalOptions
  /** Where `commons` is not held here: which network its spaces belong to. */
  readonly network?: OperationId
  /** Checks a signature on the caller's thread; left out: the strict check of this platform. A simulator of many nodes remembers what was checked. */
  verify?(check: SignatureCheck): boolean
  /** Random bytes; left out: the platform's. */
  random?(count: number): Uint8Array
}

/** What every part of the engine shares: store, clock, spaces. */
export class Engine {
  readonly parts: JournalParts
  readonly source: Source
  readonly clock: HybridClock
  /** Decoded rows of every space. */
  rows: RowCache
  /** Live space of a name. */
  readonly spaces = new Map<SpaceId, HeldSpace>()
  readonly byGenesis = new Map<OperationId, HeldSpace>()
  /** Spaces in which this node's own key signs nothing for now. */
  readonly mute = new Set<SpaceId>()
  /** Spaces whose state here is not what a majority of the hosts has signed. */
  readonly diverged = new Set<SpaceId>()
  /** Numbers of spaces whose state is coming in; nobody knows them yet. */
  readonly arriving = new Set<number>()
  epoch: string
  nextNumber: number

  constructor(parts: JournalParts) {
    this.parts = parts
    this.source = parts.store
    this.rows = new RowCache(parts.options.cacheBytes)
    const last = this.source.get('meta', 'clock')
    this.clock = new HybridClock(parts.wall, last === undefined ? undefined : (decodeTrusted(last) as Clock))
    const epoch = this.source.get('meta', 'epoch')
    this.epoch = epoch === undefined ? this.turnEpoch() : (decodeTrusted(epoch) as string)
    this.nextNumber = 1
    this.#registerAll()
    fillContents(parts.store, this.byGenesis.values(), (space, stored) => this.load(space, stored))
  }

  /** Positions in the logs of events begin anew. */
  turnEpoch(): string {
    const { store, random } = this.parts
    this.epoch = Buffer.from(random?.(12) ?? randomBytes(12)).toString('base64url')
    store.write([{ map: 'meta', key: 'epoch', value: encodeTrusted(this.epoch) }])
    return this.epoch
  }

  /** After a write that failed: what memory says of every space is read again from what is durable. Answers those of which more is there than memory knew. */
  recover(): readonly { readonly space: HeldSpace; readonly from: number }[] {
    const before = new Map([...this.byGenesis].map(([genesis, { summary }]) => [genesis, summary.events.newest]))
    this.parts.store.reopen()
    this.rows = new RowCache(this.parts.options.cacheBytes)
    this.spaces.clear()
    this.byGenesis.clear()
    this.#registerAll()
    return [...this.byGenesis].flatMap(([genesis, space]) => {
      const from = before.get(genesis) ?? 0
      return space.summary.events.newest > from ? [{ space, from }] : []
    })
  }

  #registerAll(): void {
    for (const [, bytes] of this.source.range('spaces', '')) {
      const record = decodeTrusted(bytes) as SpaceRecord
      if (record.shelved_until === undefined) this.register(record)
      else this.nextNumber = Math.max(this.nextNumber, record.number + 1)
    }
  }

  /** Id of the first operation of `commons`: the network. */
  get network(): OperationId | undefined {
    return this.spaces.get('commons' as SpaceId)?.record.genesis ?? this.parts.network
  }

  space(name: SpaceId): HeldSpace {
    const space = this.spaces.get(name)
    if (space === undefined) throw new Refusal('SPACE_UNKNOWN', { space: name })
    return space
  }

  /** Nothing is written on a state that is known to be wrong. */
  demandSound(name: SpaceId): void {
    if (this.diverged.has(name)) throw new Refusal('SPACE_DIVERGED', { space: name })
  }

  /** A space that can be written: its rules are here. */
  writable(name: SpaceId): HeldSpace {
    const space = this.space(name)
    if (space.rules === undefined) throw new Refusal('RULES_UNSUPPORTED', { found: space.record.rules, have: this.parts.rulesOf(name).version })
    return space
  }

  /** A space that does not exist yet, for its first operation. Becomes real with the commit. */
  prospect(space: SpaceId, genesis: OperationId, at: Clock): HeldSpace {
    const rules = this.parts.rulesOf(space)
    return new HeldSpace({ number: this.nextNumber, space, genesis, genesis_at: at, rules: rules.version }, rules, emptySummary, this.rows)
  }

  writeRecord(overlay: Overlay, record: SpaceRecord): void {
    overlay.put('spaces', String.fromCharCode(...[24, 16, 8, 0].map((shift) => (record.number >>> shift) & 255)), encodeTrusted(record))
  }

  register(record: SpaceRecord): HeldSpace {
    const rules = this.parts.rulesOf(record.space)
    const held = new HeldSpace(record, rules.version === record.rules ? rules : undefined, emptySummary, this.rows)
    // A cut that was running when the process ended is given up; whatever waited for it comes by with the next upkeep.
    held.summary = { ...readSummary(this.source, held.prefix), promised: null }
    held.floor = readFloor(this.source, held.prefix)
    this.adopt(held)
    return held
  }

  /** The newest genesis of a name is the live one. */
  adopt(held: HeldSpace): void {
    this.spaces.set(held.record.space, held)
    this.byGenesis.set(held.record.genesis, held)
    this.nextNumber = Math.max(this.nextNumber, held.record.number + 1)
  }

  hooks(space: HeldSpace, settled?: ReadonlyMap<DigestText, SettledCut>): FoldHooks & { work?: SpaceWork } {
    const { observer } = this.parts
    const hooks: FoldHooks & { work?: SpaceWork } = {
      settledOf: (digest) => settled?.get(digest) ?? (hooks.work === undefined ? undefined : readSettled(hooks.work, digest)),
      load: (stored) => this.load(space, stored),
      onLawFault: (kind, error) => observer?.lawFault?.(kind, error),
      onUndecodable: (row) => observer?.undecodable?.(row),
      onLeavesWrong: () => observer?.fault?.('leaves', new Error(`leaves of ${space.record.space} that were kept give another root than its rows`)),
      now: () => this.parts.wall(),
    }
    return hooks
  }

  load(space: HeldSpace, stored: Uint8Array): Candidate {
    return candidateOf(stored, space.rules ?? this.parts.rulesOf(space.record.space))
  }

  /** The state of a space as it stands, for whoever only reads. */
  facts(space: HeldSpace): State {
    return new State({
      overlay: new Overlay(this.source),
      prefix: space.prefix.from,
      cache: space.cache,
      onUndecodable: (row) => this.parts.observer?.undecodable?.(row),
    })
  }

  /** A work on an overlay over a source that is dropped in the end: what if, as of, doctor. */
  scratch(space: HeldSpace, source: Source = this.source): SpaceWork {
    const hooks = this.hooks(space)
    const work = new SpaceWork(space, new Overlay(source), { ...hooks, onLawFault: () => {} }, { cached: source === this.source })
    hooks.work = work
    return work
  }
}
