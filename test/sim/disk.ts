import { openMemoryStore, type Store, StoreFault } from '@icn/journal'

type Change = Parameters<Store['write']>[0] extends Iterable<infer One> ? One : never

/** Where in a write the power fails: nothing of the batch is there, or all of it and nobody was told. */
export type PowerCut = 'before' | 'after'

/** A node's disk: what a write has returned from outlives a crash, what a dead process writes later reaches nothing. */
export class SimDisk {
  readonly #store = openMemoryStore()
  #current = 0
  #cut: PowerCut | undefined
  /** A disk that lies: its newest write is lost with the process. */
  isLazy = false
  #before: Change[] = []
  /** The power has failed in the middle of a write. */
  onCut: () => void = () => {}

  /** The next write that begins is the last of this process; undefined: it is not. */
  cutAtNextWrite(when: PowerCut | undefined): void {
    this.#cut = when
  }

  /** For one process; the one before has no disk any more. */
  open(): Store {
    const process = ++this.#current
    const store = this.#store
    const demandAlive = (): void => {
      if (process !== this.#current) throw new StoreFault('closed', 'the process is dead')
    }
    return {
      ...store,
      close: () => {},
      write: (changes) => {
        demandAlive()
        const cut = this.#cut
        this.#cut = undefined
        const all = [...changes]
        if (this.isLazy) this.#before = all.map(({ map, key }) => ({ map, key, value: store.get(map, key) ?? null }))
        if (cut !== 'before') store.write(all)
        if (cut === undefined) return
        this.detach()
        this.onCut()
        throw new StoreFault('closed', 'the power failed')
      },
    }
  }

  /** One bit of a row of the state turns, under whoever uses the disk: the first row whose key has this in it. */
  turnBit(inKey: string): void {
    for (const [key, value] of this.#store.range('state', '', '\u00ff')) {
      if (!key.includes(inKey)) continue
      const turned = Uint8Array.from(value)
      turned[turned.length - 1] = (turned.at(-1) as number) ^ 1
      this.#store.write([{ map: 'state', key, value: turned }])
      return
    }
    throw new Error(`no row has ${inKey} in its key`)
  }

  /** The process that has it is dead. */
  detach(): void {
    this.#current++
    this.#cut = undefined
    this.#store.write(this.#before)
    this.#before = []
  }
}
