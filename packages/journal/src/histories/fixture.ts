import { type Clock, decodeTrusted, didOfKey, type OperationId, type SignedOperation, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { type Chance, raw, TestSigner, toyRules } from '@icn/testkit'
import type { JournalApi } from '../api.ts'
import { openJournal } from '../journal.ts'
import { journalDefaults } from '../options.ts'
import { openMemoryStore } from '../store/memory.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/port.ts'

/** Random histories of a toy space, for tests of what has to hold whatever came first. Not a part of the module. */

export const historySpace = 'coop:toy' as SpaceId
const space = historySpace
/** The node's own key: the toy's only host, so its acknowledgement is a majority. */
const nodeSeed = 9
export const historyStart = 1_790_000_000_000
const start = historyStart

export interface HistoryNode {
  journal: JournalApi
  now: number
  restart(): Promise<void>
}

function node(open: () => Store, now: number): HistoryNode {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(nodeSeed))
  const self: HistoryNode = {
    now,
    journal: undefined as never,
    async restart() {
      await self.journal.close()
      self.journal = openIt()
    },
  }
  const openIt = () =>
    openJournal({ store: open(), key, node: didOfKey(key.publicKey), rulesOf: () => toyRules, wall: () => self.now, options: { ...journalDefaults, verifyThreads: 0 } })
  self.journal = openIt()
  return self
}

/** Memory forgets at a restart, so there is none. */
export function memoryNode(now: number): HistoryNode {
  const made = node(openMemoryStore, now)
  made.restart = async () => {}
  return made
}

export const sqliteNode = (folder: string, now: number): HistoryNode => node(() => openSqliteStore({ folder }), now)

/** A history of a few signers who know more or less of each other, with every trouble the engine page names. */
export function history(chance: Chance): SignedOperation[] {
  const signers = Array.from({ length: 2 + chance.below(3) }, (_, i) => new TestSigner(10 + i))
  const founder = signers[0] as TestSigner
  const all: SignedOperation[] = []
  const first = founder.sign({ space, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: [new TestSigner(nodeSeed).did] }, at: [start, 0] })
  all.push(first)
  const at = new Map<OperationId, Clock>([[first.id, [start, 0]]])
  const last = new Map<TestSigner, Clock>([[founder, [start, 0]]])
  const length = 5 + chance.below(30)
  for (let i = 0; i < length; i++) {
    const signer = chance.pick(signers)
    const seen = chance.chance(0.5) ? [chance.pick(all).id] : []
    const floor = [last.get(signer) ?? [start, 0], ...seen.map((id) => at.get(id) as Clock)].reduce((a, b) => ((a[0] - b[0] || a[1] - b[1]) > 0 ? a : b))
    // Now and then a clock stands still, jumps, or the operation is older than a parent and so malformed.
    const clock: Clock = chance.chance(0.2)
      ? [floor[0], floor[1] + 1]
      : chance.chance(0.05)
        ? [Math.max(start, floor[0] - 50), 0]
        : [floor[0] + 1 + chance.below(chance.chance(0.1) ? 5_000 : 50), 0]
    const [kind, body] = action(chance, signers)
    const parts = { space, genesis: first.id, kind, body, at: clock, seen: [...new Set(seen)].filter((id) => id !== signer.prev) }
    const operation = signer.sign({ ...parts, keep: true })
    all.push(operation)
    at.set(operation.id, clock)
    if (chance.chance(0.06)) {
      // A second use of the number: innocent when the body is the same.
      const twin = signer.sign({ ...parts, body: chance.chance(0.5) ? body : action(chance, signers)[1], kind, at: [clock[0] + 1 + chance.below(20), 0], keep: true })
      all.push(twin)
      at.set(twin.id, twin.envelope.at)
    }
    signer.seq++
    signer.prev = chance.chance(0.97) ? operation.id : (all.at(-1) as SignedOperation).id
    last.set(signer, (at.get(signer.prev) as Clock)[0] > clock[0] ? (at.get(signer.prev) as Clock) : clock)
  }
  return all
}

function action(chance: Chance, signers: readonly TestSigner[]): [string, unknown] {
  const name = chance.pick(['a', 'b'])
  switch (chance.below(10)) {
    case 0:
      return ['toy.sweep', {}]
    case 1:
      return chance.chance(0.3) ? ['toy.close', { who: chance.pick(signers).did }] : ['toy.nothing', { what: name }]
    case 2:
      return ['toy.break', { rows: chance.pick([1, 5, 1_001]), fault: chance.chance(0.3) }]
    case 3:
    case 4:
    case 5:
      return ['toy.add', { name, amount: 1 + chance.below(100) }]
    default:
      return ['toy.set', { name, value: chance.below(4), ...(chance.chance(0.5) ? { expect: chance.below(4) } : {}) }]
  }
}

/** The same certificates carried by others as well, and a second use of the number that carried the last one. */
export function besideCuts(chance: Chance, cuts: readonly SignedOperation[]): SignedOperation[] {
  const stranger = new TestSigner(60)
  const more: SignedOperation[] = []
  for (const { envelope, body } of cuts) {
    if (!chance.chance(0.2)) continue
    const at: Clock = [envelope.at[0] + 1 + more.length, 0]
    more.push(stranger.sign({ space, genesis: envelope.genesis, kind: envelope.kind, body: decodeTrusted(body as Uint8Array), at }))
  }
  const last = cuts.at(-1)?.envelope
  if (last !== undefined && chance.chance(0.3))
    more.push(
      new TestSigner(nodeSeed).sign({
        space,
        genesis: last.genesis,
        seq: last.seq,
        prev: last.prev,
        kind: 'toy.add',
        body: { name: 'a', amount: 1 },
        at: [last.at[0] + chance.below(3), 9],
      }),
    )
  return more
}

/** Feeds these in any order and in pieces; what is asked for comes from all there is, as other nodes would give it. */
export async function feedWanted(target: HistoryNode, tail: readonly SignedOperation[], all: readonly SignedOperation[], chance: Chance, restarts = false): Promise<void> {
  const queue = chance.shuffle([...tail, ...tail.filter(() => chance.chance(0.1))])
  while (queue.length > 0) {
    let piece = queue.splice(0, 1 + chance.below(5))
    while (piece.length > 0) {
      const { wanted } = await target.journal.ingest(space, piece.map(raw))
      const asked = new Set(wanted)
      piece = all.filter(({ id }) => asked.has(id) && !queue.some((later) => later.id === id))
    }
    if (restarts && chance.chance(0.05)) await target.restart()
  }
  await target.journal.maintain()
}
