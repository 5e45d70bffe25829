import { isDeepStrictEqual } from 'node:util'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import { commonsSpace, dayMs, type RawOperation, type SpaceId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw } from '@icn/testkit'
import { type CoopWorld, food } from '../coop-world.ts'
import { nodeDid, placedCounts, shown, type SimNode } from '../world.ts'
import { Broken, type CheckerOf } from './checker.ts'
import { hostGroups, nameOf } from './convergence.ts'

/** A journal of nobody that holds what a node holds, got in an order of its own. */
async function foldAnew(world: CoopWorld, space: SpaceId, node: SimNode): Promise<JournalApi> {
  const operations = [...world.placedAt(node, space).values()].map(({ operation }) => operation)
  const genesis = operations.find(({ envelope }) => envelope.genesis === null)
  const journal = openJournal({
    store: openMemoryStore(),
    key: signingKeyFromSeed(new Uint8Array(32).fill(250)),
    node: nodeDid(250),
    rulesOf: (name) => world.wrapping.rules?.(world.realm.rulesOf(name)) ?? world.realm.rulesOf(name),
    wall: () => world.time.now() + dayMs,
    verify: (check) => world.verified(check),
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  await journal.ingest(commonsSpace, [raw(world.networkGenesis)])
  if (genesis === undefined) return journal
  const shuffled: RawOperation[] = [genesis, ...world.chance.shuffle(operations.filter((operation) => operation !== genesis))].map(raw)
  for (let from = 0; from < shuffled.length; ) {
    const count = 1 + world.chance.below(40)
    // What was sent before may come again.
    await journal.ingest(space, shuffled.slice(Math.max(0, from - world.chance.below(3)), from + count))
    from += count
  }
  return journal
}

/** The state is the fold of the set: a fresh journal that gets the same operations in another order and other batches has the same statuses and root (E1). */
export const refold: CheckerOf = (world) => {
  const again = async (node: SimNode, space: SpaceId): Promise<void> => {
    const journal = await foldAnew(world, space, node)
    const info = journal.info(space)
    const found = { root: toHex(journal.root(space).root), digest: toHex(info?.setDigest ?? new Uint8Array()), counts: placedCounts(journal, space) }
    await journal.close()
    const { root, digest, counts } = shown(node, space) as Record<string, unknown>
    const wanted = { root, digest, counts }
    if (!isDeepStrictEqual(found, wanted))
      throw new Broken('refold', `${space} of ${nameOf(world, node)} is not the fold of its set: ${JSON.stringify(wanted)} and ${JSON.stringify(found)}`)
  }
  return {
    name: 'refold',
    async end() {
      for (const [node] of hostGroups(world)) if (node !== undefined && node.journal.info(food) !== undefined) await again(node, food)
      if (world.chance.chance(0.2) && world.alive[0] !== undefined) await again(world.alive[0], commonsSpace)
    },
  }
}
