import assert from 'node:assert/strict'
import type { JournalApi } from '@icn/journal'
import type { Did, Rules, SignedOperation, SpaceId } from '@icn/protocol'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { nodeDid, type Realm, type RealmHosting, shown, World, worldStart, type Wrapping } from './world.ts'

/** A world of one space under toy laws, whose hosts are fixed with its first operation. */

export const toySpace = 'coop:toy' as SpaceId

function found(nodes: number): SignedOperation {
  const hosts = Array.from({ length: nodes }, (_, i) => nodeDid(i))
  return new TestSigner(90).sign({ space: toySpace, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts }, at: [worldStart - 1_000, 0] })
}

function realmOf(rules: Rules, genesis: SignedOperation): Realm {
  return {
    rulesOf: () => rules,
    network: () => genesis.id,
    openHosting(journal: JournalApi): RealmHosting {
      const hosts = (): readonly Did[] => {
        const facts = journal.read(toySpace)
        return facts === undefined ? [] : rules.hosts(facts)
      }
      return {
        port: { draft: () => undefined, accept: async () => 'SPACE_NOT_PROVEN', sign: () => undefined },
        mayHave: (peer) => hosts().includes(peer),
        expected: () => (hosts().includes(journal.node) ? [] : [{ space: toySpace, genesis: genesis.id }]),
        expect: () => {},
      }
    },
  }
}

export class ToyWorld extends World {
  readonly genesis: SignedOperation

  /** `rules`: which nodes are hosts may depend on the state. */
  constructor(seed: number, nodes: number, rules: Rules = toyRules, wrapping: Wrapping = {}, creditBytes?: number) {
    const genesis = found(nodes)
    super({ seed, nodes, realm: realmOf(rules, genesis), rulesVersion: rules.version, wrapping, ...(creditBytes === undefined ? {} : { creditBytes }) })
    this.genesis = genesis
  }

  /** Starts every node; the first one holds the space, or all of them do. */
  async open(held: 'first' | 'all' = 'all'): Promise<this> {
    for (const node of this.nodes) node.start()
    for (const node of held === 'all' ? this.nodes : this.nodes.slice(0, 1)) await node.journal.ingest(toySpace, [raw(this.genesis)])
    return this
  }

  /** All that may be asked of nodes that have met: same set, same statuses, same state, nothing wrong, nobody blamed. */
  demandEqual(label: string): void {
    const [first, ...others] = this.alive.map((node) => shown(node, toySpace))
    for (const other of others) assert.deepEqual(other, first, label)
    for (const { journal } of this.alive) assert.deepEqual(journal.doctor(), [], label)
    assert.deepEqual(this.faults, [], label)
  }
}
