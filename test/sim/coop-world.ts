import { charterHashOf, commonsRules, coopHosts, coopRules, coopTable, fillTemplate, grantFor } from '@icn/domain'
import type { JournalApi, WriteResult } from '@icn/journal'
import { NetworkTrouble } from '@icn/network'
import {
  charterStatementPayload,
  commonsSpace,
  type CharterText,
  type Did,
  type Facts,
  type OperationId,
  type Rules,
  type SignedOperation,
  type SpaceId,
  statementBytes,
} from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import { raw, TestSigner } from '@icn/testkit'
import { Hosting } from '../../apps/icnd/src/hosting.ts'
import { Person } from './person.ts'
import { nodeDid, nodeSeed, type Realm, type RealmHosting, type SimNode, World, worldStart } from './world.ts'

/** A world under the real laws: a network, one cooperative, its people and their nodes. */

export const food = 'coop:food' as SpaceId

const founders = [
  { name: 'Ada', roles: ['member', 'steward'] },
  { name: 'Ben', roles: ['member', 'steward'] },
  { name: 'Chen', roles: ['member', 'steward'] },
  { name: 'Dora', roles: ['member', 'treasurer'] },
  { name: 'Emil', roles: ['member'] },
]
const strangers = ['Frida', 'Gus', 'Hana', 'Ivo', 'Jun']

function foundNetwork(nodes: number): SignedOperation {
  const keepers = Array.from({ length: nodes }, (_, i) => nodeDid(i))
  const body = { name: 'a network for tests', keepers, stewards: [], nonce: new Uint8Array(16) }
  return new TestSigner(nodeSeed(0)).sign({ space: commonsSpace, genesis: null, kind: 'commons.found', body, at: [worldStart - 1_000, 0] })
}

/** How often a cut is looked for, of the times a node keeps up [1/n]. */
const cutEvery = 12

/** Cuts of the coop and of the commons, now and then, as hosts and keepers begin them by themselves. */
async function cutNowAndThen({ world, journal, snapshots }: SimNode): Promise<void> {
  for (const space of [food, commonsSpace]) if (world.chance.below(cutEvery) === 0 && journal.info(space)?.isMute === false) await snapshots.cutDue(space)
}

/** As `apps/icnd` does, but for what outlives a crash. */
function muteUntil(journal: JournalApi, space: SpaceId, id: OperationId): void {
  journal.mute(space, true)
  const stop = journal.subscribe(() => {
    if ((journal.operation(id)?.status ?? 'held') === 'held') return
    stop()
    journal.mute(space, false)
  })
}

const rulesOf = (space: SpaceId): Rules => (space === commonsSpace ? commonsRules : coopRules)

function realmOf(network: OperationId): Realm {
  return {
    rulesOf,
    network: () => network,
    openHosting(journal: JournalApi, key: SigningKey): RealmHosting {
      const hosting = new Hosting(journal, key, (space, id) => muteUntil(journal, space, id))
      return {
        port: {
          draft: (peer, space) => hosting.draft(peer, space),
          accept: (peer, space, operation) => hosting.accept(peer, space, operation),
          sign: (space, genesis, draft) => hosting.sign(space, genesis, draft),
        },
        mayHave: (peer, space) => space === commonsSpace || hosting.isHost(peer, space),
        expected: () => hosting.expected(),
        expect: (space, genesis) => void hosting.expect(space, genesis),
      }
    },
    upkeep: cutNowAndThen,
  }
}

export class CoopWorld extends World {
  readonly networkGenesis: SignedOperation
  readonly people: readonly Person[]
  readonly charter: CharterText
  genesis: OperationId | undefined
  /** Keys of nodes that do not keep to the rules. */
  readonly hostile = new Set<Did>()
  readonly #invites = new Map<Did, TestSigner>()
  /** By the counts of a summary, which each commit makes anew. */
  readonly #hosts = new WeakMap<object, readonly Did[]>()

  constructor(seed: number, nodes: number) {
    const networkGenesis = foundNetwork(nodes)
    super({ seed, nodes, realm: realmOf(networkGenesis.id), rulesVersion: coopRules.version, ...(seed % 3 === 0 ? { creditBytes: 100_000 } : {}) })
    this.networkGenesis = networkGenesis
    this.people = [...founders.map(({ name }) => name), ...strangers].map((name, i) => new Person(this, name, this.nodes[i % nodes] as SimNode))
    const named = founders.map(({ name, roles }) => ({ did: this.person(name).did, name, roles }))
    this.charter = fillTemplate('consumer', { network: networkGenesis.id, coop_id: 'food', name: 'Food', type: 'consumer', founders: named }).charter
  }

  person(name: string): Person {
    const found = this.people.find((person) => person.name === name)
    if (found === undefined) throw new Error(`nobody is called ${name}`)
    return found
  }

  personOf(did: Did): Person | undefined {
    return this.people.find((person) => person.did === did)
  }

  facts(node: SimNode): Facts | undefined {
    return node.running?.journal.read(food)
  }

  /** Nodes up, network and coop founded, charter signed by all founders, so many nodes as hosts. */
  async open(hosts = this.nodes.length): Promise<this> {
    for (const node of this.nodes) {
      node.start()
      await this.waitFor(node.journal.ingest(commonsSpace, [raw(this.networkGenesis)]))
    }
    await this.#found(hosts)
    await this.time.pass(2_000)
    for (const node of this.nodes.slice(1, hosts)) this.join(node, this.nodes[0] as SimNode)
    await this.time.pass(3_000)
    const named = coopHosts(this.facts(this.nodes[0] as SimNode) as Facts)
    if (named.length !== hosts) throw new Error(`${named.length} of ${hosts} nodes became hosts`)
    return this
  }

  async #found(hosts: number): Promise<void> {
    const [node] = this.nodes as [SimNode]
    const must = async (name: string, kind: string, body: unknown, options: { genesis?: null } = {}): Promise<WriteResult> => {
      const result = await this.person(name).act(food, kind, body, { node, ...options })
      if (result?.outcome !== 'applied') throw new Error(`${name} ${kind}: ${JSON.stringify(result?.decision.checks)}`)
      return result
    }
    const found = {
      coop_id: 'food',
      name: 'Food',
      type: 'consumer',
      template: 'consumer',
      charter: this.charter,
      host: { did: node.did, label: 'node 0' },
      calendar: { time_zone: 'UTC', offsets: [[0, 0]] },
      nonce: new Uint8Array(16),
    }
    const { operation } = await must('Ada', 'coop.found', found, { genesis: null })
    this.genesis = operation?.operation.id
    for (const [i, host] of this.nodes.slice(1, hosts).entries()) await must('Ada', 'coop.host.add', { did: host.did, label: `node ${i + 1}` })
    const payload = charterStatementPayload({ network: this.networkGenesis.id, space: food, hash: this.charterHash, coop_id: 'food', version: 1 })
    for (const { name } of founders) {
      const { did } = this.person(name)
      const statement = { did, key: did, signature: this.person(name).sign(statementBytes('charter', payload)) }
      await must(name, 'coop.charter.sign', { hash: this.charterHash, statement })
    }
    await must('Ada', 'coop.activate', { charter_hash: this.charterHash })
  }

  /** Active hosts by this node's own state, read once for each commit. */
  hostsAt(node: SimNode): readonly Did[] {
    const counts = node.running?.journal.info(food)?.operations
    const facts = this.facts(node)
    if (counts === undefined || facts === undefined) return []
    const known = this.#hosts.get(counts) ?? coopHosts(facts)
    this.#hosts.set(counts, known)
    return known
  }

  isForming(facts: Facts): boolean {
    return facts.get(coopTable, [])?.status === 'forming'
  }

  get charterHash(): string {
    return charterHashOf(this.charter)
  }

  /** A node that somebody has named accepts, through a host that is up. */
  join(node: SimNode, through: SimNode): void {
    const running = node.running
    if (running === undefined || this.genesis === undefined) return
    try {
      running.hosting.expect(food, this.genesis)
    } catch (error) {
      // The power failed in that very write.
      if (node.running === running) throw error
      return
    }
    void running.replicator
      .ready(through.did)
      .then(() => running.replicator.join(through.did, food, this.genesis as OperationId))
      .catch((error: unknown) => {
        // No way, or not named there: somebody tries again another time.
        if (!(error instanceof NetworkTrouble)) this.faults.push(['join', error])
      })
  }

  /** Key of an invitation; whoever has the code has it. */
  inviteKey(): TestSigner {
    const key = new TestSigner(Uint8Array.from({ length: 32 }, () => this.chance.below(256)))
    this.#invites.set(key.did, key)
    return key
  }

  /** A permission of a person to a node that stands now. */
  grantOf(facts: Facts, author: Did, grantee: Did): OperationId | undefined {
    return grantFor(facts, author, grantee, 'act.propose', this.time.now())?.id
  }

  codeOf(key: Did): TestSigner | undefined {
    return this.#invites.get(key)
  }
}
