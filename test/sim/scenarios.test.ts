import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { coopHosts, electorate, holdersOf, keepersOf, listInvites, listReviews, memberAt, reviewOf } from '@icn/domain'
import type { WriteResult } from '@icn/journal'
import { commonsSpace, dayMs, type Did, type Facts, type OperationId, redeemStatementPayload, statementBytes, toHex } from '@icn/protocol'
import type { TestSigner } from '@icn/testkit'
import { checkers } from './checkers/index.ts'
import { CoopWorld, food } from './coop-world.ts'
import type { SimNode } from './world.ts'

/** What two sides of a split do to each other, by name: each heals within simulated seconds, with every checker looking at the end. */

/** Longest until nodes that meet again are equal [ms]: redialling, one exchange of vectors, one `have` interval. */
const metMs = 45_000

class Story extends CoopWorld {
  readonly #checkers = checkers.map((checkerOf) => checkerOf(this))

  /** Ada, Ben and Chen are stewards. Nodes: left, right, and further ones on the right. */
  static async begin(nodes = 2): Promise<Story> {
    return (await new Story(7, nodes).open()) as Story
  }

  get left(): SimNode {
    return this.nodes[0] as SimNode
  }

  get right(): SimNode {
    return this.nodes[1] as SimNode
  }

  split(): void {
    this.network.partition(new Map(this.nodes.map(({ did }, i) => [did, i === 0 ? 0 : 1])))
  }

  async do(name: string, node: SimNode, kind: string, body: unknown = {}): Promise<WriteResult> {
    const result = await this.person(name).act(food, kind, body, { node })
    assert.ok(result !== undefined, `${name} reaches a host`)
    await this.time.pass(20)
    return result
  }

  async must(name: string, node: SimNode, kind: string, body: unknown = {}): Promise<OperationId> {
    const { outcome, operation, decision } = await this.do(name, node, kind, body)
    assert.equal(outcome, 'applied', `${name} ${kind}: ${decision.checks.map(({ code }) => code).join(' ')}`)
    return operation?.operation.id as OperationId
  }

  /** Proposed by one, confirmed by the other; answers the confirmation. */
  async together(first: string, second: string, node: SimNode, kind: string, body: unknown): Promise<OperationId> {
    const ref = await this.must(first, node, 'act.propose', { kind, body })
    return await this.must(second, node, 'act.confirm', { ref })
  }

  remove(first: string, second: string, whom: string, node: SimNode): Promise<OperationId> {
    return this.together(first, second, node, 'coop.member.remove', { did: this.person(whom).did, code: 'fraud', reason: 'x', ban: false, immediate: true })
  }

  /** Heals, and demands that everybody is equal in time. */
  async meet(): Promise<void> {
    this.network.heal()
    await this.time.pass(metMs)
    const [first, ...others] = this.alive.map(({ journal }) => toHex(journal.root(food).root))
    for (const other of others) assert.equal(other, first, 'equal roots')
  }

  async end(): Promise<void> {
    await this.time.pass(90_000)
    for (const checker of this.#checkers) await checker.end?.()
    this.close()
  }

  redeem(name: string, node: SimNode, ref: OperationId): Promise<WriteResult> {
    const { did } = this.person(name)
    const key = listInvites(this.at(node)).find((invite) => invite.ref === ref)?.key as Did
    const payload = redeemStatementPayload({ network: this.networkGenesis.id, space: food, invite: ref, did })
    const statement = { did, key, signature: (this.codeOf(key) as TestSigner).key.sign(statementBytes('redeem', payload)) }
    return this.do(name, node, 'coop.invite.redeem', { ref, statement, charter_hash: this.charterHash, name })
  }

  status(node: SimNode, name: string): string | undefined {
    return memberAt(this.at(node), this.person(name).did, this.time.now())?.status
  }

  at(node: SimNode): Facts {
    return this.facts(node) as Facts
  }

  stewards(node: SimNode): readonly Did[] {
    return holdersOf(this.at(node), ['steward'], this.time.now())
  }

  /** Codes of an operation in the quarantine of a node, and what displaced it there. */
  lost(node: SimNode, id: OperationId): { readonly codes: readonly string[]; readonly displacedBy: OperationId | undefined } | undefined {
    const entry = node.journal.quarantine(food, { limit: 1_000 }).find(({ operation }) => operation.id === id)
    return entry && { codes: entry.checks.filter(({ result }) => result === 'fail').map(({ code }) => code), displacedBy: entry.displacedBy }
  }
}

describe('after a split', () => {
  it('one removes another who goes on: what the removed person says later is refused on every node, with what displaced it', async () => {
    const story = await Story.begin(3)
    const { left, right } = story
    story.split()
    const removal = await story.remove('Ada', 'Chen', 'Ben', left)
    await story.time.pass(1_000)
    const later = await story.must('Ben', right, 'coop.settings.set', { changes: [{ field: 'description', value: 'by Ben', base: null }] })
    assert.equal(story.status(right, 'Ben'), 'active', 'the right side knows nothing of it yet')
    await story.meet()
    for (const node of story.nodes) {
      assert.equal(story.status(node, 'Ben'), 'removed')
      assert.equal(node.journal.operation(later)?.status, 'refused')
      assert.deepEqual(story.lost(node, later)?.codes[0], 'NOT_A_MEMBER')
    }
    const displacedBy = story.lost(right, later)?.displacedBy as OperationId
    assert.ok(displacedBy !== undefined && right.journal.operation(displacedBy)?.operation.envelope.at[0] !== undefined)
    const at = (id: OperationId): number => right.journal.operation(id)?.operation.envelope.at[0] as number
    assert.ok(at(displacedBy) <= at(removal), 'by what came from the other side')
    const told = right.journal.events(food, undefined, 10_000).events.filter(({ type, operation }) => type === 'operation.revised' && operation === later)
    assert.deepEqual(
      told.map(({ data }) => [data['before'], data['after']]),
      [['applied', 'refused']],
    )
    await story.end()
  })

  it('the last two stewards who resign on both sides: one of them stays', async () => {
    const story = await Story.begin()
    const { left, right } = story
    await story.must('Chen', left, 'coop.member.resign')
    await story.time.pass(1_000)
    story.split()
    const first = await story.must('Ada', left, 'coop.member.resign')
    await story.time.pass(500)
    const second = await story.must('Ben', right, 'coop.member.resign')
    await story.meet()
    assert.equal(right.journal.operation(first)?.status, 'applied')
    assert.deepEqual(story.lost(right, second), { codes: ['LAST_STEWARD'], displacedBy: first })
    assert.deepEqual(story.stewards(left), [story.person('Ben').did])
    await story.end()
  })

  it('invitations of somebody who was removed on the other side wait for a review, and work once it is confirmed', async () => {
    const story = await Story.begin()
    const { left, right } = story
    story.split()
    const ref = await story.must('Ben', right, 'coop.invite.create', { key: story.inviteKey().did, roles: ['member'], uses: 2, expires_at: story.time.now() + 10 * dayMs })
    assert.equal((await story.redeem('Frida', right, ref)).outcome, 'applied')
    await story.time.pass(1_000)
    await story.remove('Ada', 'Chen', 'Ben', left)
    await story.meet()
    assert.equal(listInvites(story.at(left)).find((invite) => invite.ref === ref)?.state, 'review')
    const [review] = listReviews(story.at(left))
    assert.deepEqual([review?.op, review?.kind, review?.state], [ref, 'invite', 'open'])
    assert.equal(
      electorate(story.at(left), story.time.now()).some(({ did }) => did === story.person('Frida').did),
      false,
      'who came in by it has no vote meanwhile',
    )
    assert.equal((await story.redeem('Gus', left, ref)).outcome, 'refused')
    await story.must('Chen', left, 'coop.review.settle', { ref, verdict: 'confirmed' })
    await story.time.pass(2_000)
    assert.equal(story.status(right, 'Frida'), 'active')
    assert.equal((await story.redeem('Hana', right, ref)).outcome, 'applied')
    await story.meet()
    await story.end()
  })

  it('the author of what was lost says it again at another node, and a steward notes it in the quarantine of all', async () => {
    const story = await Story.begin(3)
    const { left, right } = story
    story.split()
    const place = { did: story.person('Emil').did, number: 40 }
    await story.must('Ada', left, 'coop.member.place', { did: story.person('Dora').did, number: 40 })
    await story.time.pass(500)
    const lost = await story.must('Ben', right, 'coop.member.place', place)
    await story.meet()
    assert.deepEqual(story.lost(right, lost)?.codes, ['NUMBER_TAKEN'])
    const reissue = await story.must('Ben', left, 'coop.member.place', { ...place, number: 41 })
    await story.must('Chen', right, 'space.review', { operation: lost, verdict: 'reissued', note: 'another number', reissue })
    await story.meet()
    for (const node of story.nodes) {
      const row = reviewOf(story.at(node), lost)
      assert.deepEqual([row?.verdict, row?.reissue], ['reissued', reissue])
      assert.equal(node.journal.operation(reissue)?.status, 'applied')
    }
    await story.end()
  })

  it('what people wrote at a host that was removed meanwhile is not lost to the others, and the host is told nothing more', async () => {
    const story = await Story.begin(3)
    const { left, right } = story
    story.split()
    await story.together('Ada', 'Chen', left, 'coop.host.remove', { did: right.did, reason: 'x' })
    const written = await story.must('Ben', right, 'coop.settings.set', { changes: [{ field: 'description', value: 'written on the right', base: null }] })
    await story.time.pass(2_000)
    // The third host is on the right side too and hands on what it holds; the removed one stands alone.
    story.network.partition(new Map(story.nodes.map(({ did }, i) => [did, i === 2 ? 1 : 0])))
    await story.time.pass(metMs + 30_000)
    assert.equal(coopHosts(story.at(left)).includes(right.did), false)
    assert.equal(left.journal.operation(written)?.status, 'applied', 'handed in')
    const count = right.journal.operations(food, { limit: 10_000 }).length
    await story.must('Ada', left, 'coop.settings.set', { changes: [{ field: 'language', value: 'es', base: null }] })
    story.network.heal()
    await story.time.pass(metMs + 60_000)
    assert.equal(right.journal.operations(food, { limit: 10_000 }).length, count, 'nothing came back')
    await story.end()
  })

  it('all keepers of the network who leave on their own: the last in the order stays, and hears why', async () => {
    const story = await Story.begin(3)
    story.network.partition(new Map(story.nodes.map(({ did }, i) => [did, i])))
    for (const node of story.nodes) {
      node.propose(commonsSpace, 'commons.keeper.leave', {})
      await story.time.pass(1_000)
    }
    const keepersAt = (node: SimNode): readonly Did[] => keepersOf(node.journal.read(commonsSpace) as Facts)
    for (const node of story.nodes) assert.deepEqual([keepersAt(node).length, keepersAt(node).includes(node.did)], [2, false], 'each has left by itself')
    story.network.heal()
    await story.time.pass(metMs)
    const last = story.nodes[2] as SimNode
    for (const node of story.nodes) {
      assert.deepEqual(keepersAt(node), [last.did])
      const [entry] = node.journal.quarantine(commonsSpace, { limit: 10 })
      assert.deepEqual([entry?.operation.envelope.author, entry?.checks.filter(({ result }) => result === 'fail').map(({ code }) => code)], [last.did, ['LAST_KEEPER']])
    }
    await story.end()
  })

  it('two keepers remove a third that proposes the same of one of them: two are left, everywhere', async () => {
    const story = await Story.begin(3)
    const [first, second, third] = story.nodes as [SimNode, SimNode, SimNode]
    const remove = (node: SimNode, whom: SimNode): void => node.propose(commonsSpace, 'act.propose', { kind: 'commons.keeper.remove', body: { did: whom.did } })
    const acts = (node: SimNode): readonly OperationId[] =>
      node.journal.operations(commonsSpace, { limit: 1_000 }).flatMap(({ operation }) => (operation.envelope.kind === 'act.propose' ? [operation.id] : []))
    story.network.partition(new Map(story.nodes.map(({ did }, i) => [did, i === 0 ? 0 : 1])))
    remove(first, second)
    remove(second, first)
    await story.time.pass(5_000)
    third.propose(commonsSpace, 'act.confirm', { ref: acts(third)[0] })
    await story.time.pass(1_000)
    story.network.heal()
    await story.time.pass(metMs)
    // What somebody has proposed who is a keeper no more is confirmed by nobody.
    const left = acts(third).find((id) => third.journal.operation(id)?.operation.envelope.author === first.did)
    assert.ok(left !== undefined)
    third.propose(commonsSpace, 'act.confirm', { ref: left })
    await story.time.pass(metMs)
    for (const node of story.nodes) assert.deepEqual(new Set(keepersOf(node.journal.read(commonsSpace) as Facts)), new Set([second.did, third.did]))
    await story.end()
  })
})
