import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commonsRules, coopRules } from '@icn/domain'
import { type JournalApi, journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import { didOfKey, type OperationId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { type Client, connect, identityOf, type StoredTokens } from '@icn/sdk'
import { Chance } from '@icn/testkit'
import { food } from '../../apps/icnd/src/dev/history.ts'
import type { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { personNamed } from '../../apps/icnd/src/dev/people.ts'
import { until } from './harness.ts'

/** What three nodes go through together, however they are joined: load, a partition with conflicting changes, a kill, and the end of it. */

export const gatewayOf = (network: DevNetwork, index: number): string => network.nodes[index]?.gateway as string

/** Somebody at a node, with a key of their own. */
export function at(network: DevNetwork, index: number, name: string): Client {
  let held: StoredTokens | undefined
  const tokens = {
    get: async () => held,
    set: async (_endpoint: string, _did: string, given: StoredTokens | undefined) => {
      held = given
    },
  }
  return connect(gatewayOf(network, index), { identity: identityOf(personNamed(name).key), tokens, retries: { triesMax: 1 } })
}

/** Renames themself as quickly as the node answers, and remembers what it has acknowledged. */
class Worker {
  readonly acknowledged: OperationId[] = []
  readonly #name: string
  readonly #icn: Client
  #count = 0

  constructor(network: DevNetwork, index: number, name: string) {
    this.#name = name
    this.#icn = at(network, index, name)
  }

  /** Until it is told to stop, or its node is gone. */
  async work(signal: AbortSignal): Promise<void> {
    const { did } = personNamed(this.#name)
    while (!signal.aborted) {
      try {
        const { operations } = await this.#icn.coop.updateProfile({ coop_id: 'food', did, name: `${this.#name} ${this.#count++}` })
        for (const { id } of operations) this.acknowledged.push(id)
      } catch {
        await sleep(50)
      }
    }
  }
}

/** Two people at each host of food who write all the time. */
class Load {
  readonly workers: readonly (Worker & { readonly node: number })[]
  readonly #enough = new AbortController()
  readonly #working: readonly Promise<void>[]

  constructor(t: TestContext, network: DevNetwork) {
    const at = (node: number, name: string) => Object.assign(new Worker(network, node, name), { node })
    this.workers = [at(0, 'Hana'), at(0, 'Ivo'), at(1, 'Jona'), at(1, 'Kaja')]
    t.after(() => this.#enough.abort())
    this.#working = this.workers.map((worker) => worker.work(this.#enough.signal))
  }

  get acknowledged(): readonly OperationId[] {
    return this.workers.flatMap(({ acknowledged }) => acknowledged)
  }

  /** Everybody, but those at one node, has been told so often more that it is done. */
  progress(count: number, butAt?: number): Promise<unknown> {
    const watched = this.workers.filter(({ node }) => node !== butAt)
    const from = watched.map(({ acknowledged }) => acknowledged.length)
    return until('everybody to write', () => watched.every(({ acknowledged }, i) => acknowledged.length >= (from[i] as number) + count), 90_000)
  }

  async end(): Promise<void> {
    this.#enough.abort()
    await Promise.all(this.#working)
  }
}

/** Stops the network; its hosts of food have the same state, and everything that was acknowledged counts in it. */
async function compare(network: DevNetwork, acknowledged: readonly OperationId[]): Promise<void> {
  await network.stop()
  const [first, second] = [opened(network, 0), opened(network, 1)]
  assert.equal(toHex(first.root(food).root), toHex(second.root(food).root))
  for (const journal of [first, second]) {
    for (const id of acknowledged) assert.equal(journal.operation(id)?.status, 'applied', id)
    assert.deepEqual(journal.doctor(), [])
    await journal.close()
  }
}

const syncAt = async (icn: Client): Promise<string> => (await icn.space.get({ space: food })).sync
const digestAt = async (icn: Client): Promise<string> => (await icn.space.get({ space: food })).set_digest

/** The state of a node that has stopped, and what it says of an operation. */
function opened(network: DevNetwork, index: number): JournalApi {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
  return openJournal({
    store: openSqliteStore({ folder: join(network.folder(index), 'store') }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
    wall: Date.now,
    options: { ...journalDefaults, verifyThreads: 0 },
  })
}

export interface Between {
  /** Parts node 0 from 1 and 2, and brings them together again. */
  part(): Promise<void>
  heal(): Promise<void>
}

/** Ends with equal roots, everything acknowledged in place, and the loser told at both nodes; the network has stopped then. */
export async function conflict(t: TestContext, network: DevNetwork, { part, heal }: Between): Promise<void> {
  const [ana, mara] = [at(network, 0, 'Ana'), at(network, 0, 'Mara')]
  const [ben, ana1] = [at(network, 1, 'Ben'), at(network, 1, 'Ana')]
  const [benDid, gilDid] = [personNamed('Ben').did, personNamed('Gil').did]
  await until('the nodes to have met', async () => (await syncAt(ana)) === 'synced' && (await syncAt(ana1)) === 'synced', 120_000)
  const load = new Load(t, network)
  await load.progress(3)

  await part()
  // Here Ben loses his office; there he still uses it, later.
  const suspended = await ana.coop.suspendMember({ coop_id: 'food', did: benDid, code: 'other', reason: 'Keys of the store are missing' })
  const act = (suspended.value as { act?: { act_id: OperationId } }).act
  assert.ok(act, JSON.stringify(suspended.value))
  await mara.act.confirm({ space: food, operation_id: act.act_id })
  await sleep(20)
  const used = await ben.coop.suspendMember({ coop_id: 'food', did: gilDid, code: 'arrears', reason: 'Two orders not collected' })
  assert.equal(used.outcome, 'applied')
  const [loser] = used.operations.map(({ id }) => id)
  await load.progress(5)
  assert.notEqual(await digestAt(ana), await digestAt(ana1))
  // A link on which nothing comes any more is given up within a minute.
  await until('the node to know that it is alone', async () => (await syncAt(ana)) === 'alone', 60_000)

  await network.kill('1')
  await network.start('1')
  await heal()
  await load.progress(3)
  await load.end()
  const healed = performance.now()
  // A dial that failed waits longer each time before it is tried again.
  await until('the nodes to be equal', async () => (await digestAt(ana)) === (await digestAt(ana1)), 240_000)
  t.diagnostic(`equal ${Math.round(performance.now() - healed)} ms after the last write; ${load.acknowledged.length} acknowledged`)

  for (const icn of [ana, ana1]) {
    const { items } = await icn.quarantine.list({ space: food }).page()
    const found = items.find(({ operation_id }) => operation_id === loser)
    assert.ok(found, `the loser is missing among ${items.map(({ operation_id }) => operation_id).join()}`)
    assert.notDeepEqual(found.codes, [])
    // Only where it had counted did something displace it.
    assert.equal(found.displaced_by !== null, icn === ana1)
    assert.equal((await icn.coop.getMember({ coop_id: 'food', did: gilDid })).status, 'active')
    assert.equal((await icn.coop.getMember({ coop_id: 'food', did: benDid })).status, 'suspended')
  }
  // Nobody else is stopped by it: the third node goes on with the second.
  await at(network, 2, 'Dora').coop.updateProfile({ coop_id: 'housing', did: personNamed('Dora').did, name: 'Dora of the mill' })

  await compare(network, load.acknowledged)
}

/** Nodes are killed one after the other at any moment: the others go on meanwhile, and nothing that was acknowledged is lost. */
export async function kills(t: TestContext, network: DevNetwork, rounds: number, seed: number): Promise<void> {
  const chance = new Chance(seed)
  const [ana, ana1] = [at(network, 0, 'Ana'), at(network, 1, 'Ana')]
  const load = new Load(t, network)
  for (let round = 0; round < rounds; round++) {
    const node = round % 3
    await load.progress(1 + chance.below(6))
    await sleep(chance.below(30))
    await network.kill(String(node))
    await load.progress(1 + chance.below(4), node)
    await network.start(String(node))
  }
  await load.progress(2)
  await load.end()
  await until('the nodes to be equal', async () => (await digestAt(ana)) === (await digestAt(ana1)), 60_000)
  t.diagnostic(`${rounds} kills, ${load.acknowledged.length} acknowledged`)
  await compare(network, load.acknowledged)
}
