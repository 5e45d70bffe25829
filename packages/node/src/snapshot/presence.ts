import type { JournalApi } from '@icn/journal'
import { type Clock, compareClocks, type Did, minuteMs, type OperationId, type SpaceId } from '@icn/protocol'

/** When each host of a space was last heard of, and up to where what it has is here. */
interface PresenceRow {
  /** [ms] */
  readonly heard_at: number
  /** Its clock when it last told to have what is here, too. */
  readonly covered: Clock | null
}

const table = 'snapshot.presence'
/** Larger: after a crash hosts seem to be away a little longer; smaller: rows are written more often. */
const writtenEveryMs = minuteMs
/** Peers that are remembered, hosts or not. Larger: memory for whoever comes by; smaller: hosts are forgotten between two looks. */
const rowsMax = 10_000

export interface PresenceParts {
  readonly journal: Pick<JournalApi, 'local' | 'info'>
  /** Only what hosts have said is written. */
  isHost(space: SpaceId, did: Did): boolean
  readonly timing: { now(): number; after(ms: number, run: () => void): () => void }
  /** A host that was not heard of for longer has to live with it that cuts pass over what it does. */
  readonly graceMs: number
  fault(doing: string, error: unknown): void
}

/** Keeps cuts that nobody asked for from passing over hosts that are away for a little (snapshot page §2, ruling 28). */
export class Presence {
  readonly #parts: PresenceParts
  /** Space and peer, whoever was heard longest ago first. */
  readonly #rows = new Map<string, { readonly space: SpaceId; readonly genesis: OperationId; readonly host: Did; readonly row: PresenceRow }>()
  readonly #unwritten = new Set<string>()
  #cancel: (() => void) | undefined

  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** A host has told what it has, at this value of its clock. */
  heard(host: Did, space: SpaceId, at: Clock, isCovered: boolean): void {
    const genesis = this.#parts.journal.info(space)?.genesis
    if (genesis === undefined) return
    const { name, known } = this.#find(genesis, host)
    const covered = known?.covered ?? null
    const isFurther = isCovered && (covered === null || compareClocks(at, covered) > 0)
    this.#rows.delete(name)
    this.#rows.set(name, { space, genesis, host, row: { heard_at: this.#parts.timing.now(), covered: isFurther ? [...at] : covered } })
    this.#unwritten.add(name)
    if (this.#rows.size > rowsMax) this.#rows.delete(this.#rows.keys().next().value as string)
    this.#cancel ??= this.#parts.timing.after(writtenEveryMs, () => this.#write())
  }

  /** No automatic cut lies later; undefined: nobody is away for so short a time. `present`: takes part, or is left out on purpose. */
  horizon(space: SpaceId, hosts: readonly Did[], isPresent: (host: Did) => boolean): Clock | undefined {
    const genesis = this.#parts.journal.info(space)?.genesis
    if (genesis === undefined) return undefined
    let horizon: Clock | undefined
    for (const host of hosts) {
      const known = isPresent(host) ? undefined : this.#find(genesis, host).known
      if (known === undefined || this.#parts.timing.now() - known.heard_at >= this.#parts.graceMs) continue
      const covered = known.covered ?? beginning
      if (horizon === undefined || compareClocks(covered, horizon) < 0) horizon = covered
    }
    return horizon
  }

  close(): void {
    this.#cancel?.()
    this.#write()
  }

  #find(genesis: OperationId, host: Did): { readonly name: string; readonly known: PresenceRow | undefined } {
    const name = `${genesis} ${host}`
    return { name, known: this.#rows.get(name)?.row ?? (this.#parts.journal.local.get([table, genesis, host]) as PresenceRow | undefined) }
  }

  #write(): void {
    this.#cancel = undefined
    const changes = [...this.#unwritten].flatMap((name) => {
      const found = this.#rows.get(name)
      return found === undefined || !this.#parts.isHost(found.space, found.host) ? [] : [{ key: [table, found.genesis, found.host], value: found.row }]
    })
    this.#unwritten.clear()
    if (changes.length === 0) return
    try {
      this.#parts.journal.local.write(changes)
    } catch (error) {
      this.#parts.fault('presence', error)
    }
  }
}

const beginning: Clock = [0, 0]
