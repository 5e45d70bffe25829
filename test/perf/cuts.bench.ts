import { journalDefaults, type JournalApi, openJournal, openSqliteStore } from '@icn/journal'
import { didOfKey, type SignedOperation, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, raw, toyRules } from '@icn/testkit'
import { type Row, scratchFolder } from './lib.ts'

/** What cuts cost those who write meanwhile: at the host that makes them, and at a node that gets them with everything else (snapshot page §16). */

const cutSpace = 'coop:cut' as SpaceId
const otherSpace = 'coop:other' as SpaceId
const rowCount = 50_000
const writers = 32
const phaseMs = 4_000
const phases = 3

function openNode(fill: number) {
  const folder = scratchFolder()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(fill))
  const journal = openJournal({
    store: openSqliteStore({ folder: folder.path }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: () => toyRules,
    wall: Date.now,
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  return {
    journal,
    async remove() {
      await journal.close()
      folder.remove()
    },
  }
}

const propose = (journal: JournalApi, space: SpaceId, kind: string, body: unknown) => journal.propose({ space, kind, author: journal.node, grant: null, body })

/** Many write at once until they are told to stop; how long each waited [ms]. */
function load(journal: JournalApi, space: SpaceId): () => Promise<number[]> {
  const waited: number[] = []
  let isOver = false
  const chance = new Chance(7)
  const all = Array.from({ length: writers }, async () => {
    while (!isOver) {
      const from = performance.now()
      await propose(journal, space, 'toy.set', { name: `n${chance.below(rowCount)}`, value: chance.below(1_000) })
      waited.push(performance.now() - from)
    }
  })
  return async () => {
    isOver = true
    await Promise.all(all)
    return waited
  }
}

const percentile = (values: readonly number[], share: number): number => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] as number

/** Writes with and without, in turn. Something that goes on meanwhile is told to begin, and ends by itself. */
async function compare(what: string, journal: JournalApi, space: SpaceId, meanwhile: (isCut: boolean, isOver: () => boolean) => Promise<void>): Promise<Row[]> {
  const waited: [number[], number[]] = [[], []]
  for (let phase = 0; phase < 2 * phases; phase++) {
    const stop = load(journal, space)
    const until = performance.now() + phaseMs
    const isOver = (): boolean => performance.now() > until
    await meanwhile(phase % 2 === 1, isOver)
    while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 10))
    waited[(phase % 2) as 0 | 1].push(...(await stop()))
  }
  const [without, during] = waited
  const row = (name: string, share: number, bound: number): Row => ({
    name: `${what}: ${name}, longer than without`,
    value: Math.max(0, percentile(during, share) - percentile(without, share)),
    unit: 'ms',
    bound: `bound (without: ${percentile(without, share).toFixed(1)} ms)`,
    boundValue: bound,
    goal: { atMost: 1 },
  })
  return [row('a write, 99 of 100', 0.99, 20), row('the longest write', 1, 50)]
}

export async function cutsBench(): Promise<Row[]> {
  const [host, follower] = [openNode(31), openNode(32)]
  await propose(host.journal, cutSpace, 'toy.found', { name: 'cut' })
  await propose(follower.journal, otherSpace, 'toy.found', { name: 'other' })
  for (let at = 0; at < rowCount; at += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => propose(host.journal, cutSpace, 'toy.set', { name: `n${at + i}`, value: 0 })))
  let after: SignedOperation['envelope']['at'] | undefined
  let afterId: SignedOperation['id'] | undefined
  /** Everything that the host has and the follower has not, a frame at a time. */
  const follow = async (): Promise<void> => {
    for (;;) {
      const page = host.journal.operations(cutSpace, { limit: 500, ...(after === undefined || afterId === undefined ? {} : { after: { at: after, id: afterId } }) })
      if (page.length === 0) return
      await follower.journal.ingest(
        cutSpace,
        page.map(({ operation }) => raw(operation)),
      )
      const last = page.at(-1)?.operation as SignedOperation
      after = last.envelope.at
      afterId = last.id
    }
  }
  const rows = await compare('a host that cuts all the time', host.journal, cutSpace, async (isCut, isOver) => {
    while (isCut && !isOver()) await host.journal.checkpoint(cutSpace, 0)
  })
  await follow()
  const chance = new Chance(9)
  rows.push(
    ...(await compare('a node that gets a cut of 2 000 operations all the time', follower.journal, otherSpace, async (isCut, isOver) => {
      while (!isOver()) {
        for (let i = 0; i < 2_000; i += 500)
          await Promise.all(Array.from({ length: 500 }, () => propose(host.journal, cutSpace, 'toy.set', { name: `n${chance.below(rowCount)}`, value: 1 })))
        if (isCut) await host.journal.checkpoint(cutSpace, 0)
        await follow()
      }
    })),
  )
  if (follower.journal.info(cutSpace)?.checkpoint?.id !== host.journal.info(cutSpace)?.checkpoint?.id) throw new Error('the follower has not settled the last cut')
  await host.remove()
  await follower.remove()
  return rows
}
