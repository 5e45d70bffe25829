import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { SpaceId } from '@icn/protocol'
import type { Answer } from './doors.ts'
import { foundCoop, Person, TestNode } from './harness.ts'

/** Doing it once (doors page §9): the same request many times at once, over a restart, by draft and by signed bytes. */

const food = 'coop:food' as SpaceId
const times = 50

for (const doorName of ['rest', 'rpc'] as const) {
  describe(`the same request ${times} times at once by ${doorName}`, () => {
    let node: TestNode
    let ada: Person
    let ben: Person
    before(async () => {
      node = await TestNode.start()
      ;[ada, ben] = ['Ada', 'Ben'].map((name) => new Person(node, name, (at) => at[doorName])) as [Person, Person]
      await foundCoop([
        { person: ada, roles: ['member', 'steward'] },
        { person: ben, roles: ['member', 'steward'] },
      ])
      await ada.must('identity.grant', { space: food, scopes: ['coop.invite.*', 'coop.member.*', 'coop.entry.*', 'act.propose'], label: 'Elm' })
    })
    after(() => node.dispose())

    const many = (ask: () => Promise<Answer>): Promise<Answer[]> => Promise.all(Array.from({ length: times }, ask))
    const operationsOf = (answer: Answer): string[] => (answer.body.operations ?? []).map(({ id }: { id: string }) => id)
    const counted = (): number => node.at.journal.operations(food, { limit: 10_000 }).length

    test('signed by the node: one effect, one answer', async () => {
      const before = counted()
      const answers = await many(() => ada.ask('coop.invite.create', { coop_id: 'food', name: 'Emil' }, { key: 'emil' }))
      const done = answers.filter(({ ok }) => ok)
      assert.ok(done.length > 0)
      for (const { ok, code } of answers) assert.ok(ok || code === 'REQUEST_IN_PROGRESS', code)
      assert.equal(new Set(done.flatMap(operationsOf)).size, 1)
      assert.equal(done.filter(({ body }) => body.value.code !== undefined).length, 1, 'the code of an invitation is told once')
      assert.equal(counted(), before + 1)
      const later = await ada.ask('coop.invite.create', { coop_id: 'food', name: 'Emil' }, { key: 'emil' })
      assert.deepEqual(operationsOf(later), operationsOf(done[0] as Answer))
    })

    test('the same signed bytes: one effect, and each is told of it', async () => {
      const before = counted()
      const drafted = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada B.' }, { draft: true, key: 'name' })
      const answers = await many(() => ada.handIn('coop.update_profile', drafted.body, { key: 'name' }))
      for (const answer of answers) assert.ok(answer.ok, JSON.stringify(answer.body))
      assert.equal(new Set(answers.flatMap(operationsOf)).size, 1)
      assert.equal(counted(), before + 1)
    })

    test('a change that becomes an act: one act', async () => {
      const drafted = await many(() => ada.ask('coop.suspend_member', { coop_id: 'food', did: ben.did, code: 'other', reason: 'x' }, { key: 'long' }))
      for (const { ok, code } of drafted) assert.ok(ok || code === 'REQUEST_IN_PROGRESS', code)
      const acts = await ada.read('act.list', { space: food, state: 'open' })
      assert.equal(acts.items.length, 1)
    })

    test('without a key each is a request of its own', async () => {
      const before = counted()
      const answers = await Promise.all(Array.from({ length: 5 }, () => ada.ask('coop.invite.create', { coop_id: 'food', name: 'Fay' })))
      for (const answer of answers) assert.ok(answer.ok, JSON.stringify(answer.body))
      assert.equal(counted(), before + 5)
    })

    test('after a restart the answer is still known, and drafts that are gone do no harm', async () => {
      const entry = { coop_id: 'food', entries: [{ number: 100, name: 'Household', joined_at: '2020-01-31T00:00:00.000Z' }] }
      const first = await ada.ask('coop.entry.add', entry, { key: 'entry' })
      assert.ok(first.ok, JSON.stringify(first.body))
      const drafted = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada C.' }, { draft: true, key: 'later' })
      await node.restart()
      const again = await ada.ask('coop.entry.add', entry, { key: 'entry' })
      assert.deepEqual(operationsOf(again), operationsOf(first))
      assert.deepEqual(again.body.value, first.body.value)
      const handedIn = await ada.handIn('coop.update_profile', drafted.body, { key: 'later' })
      assert.ok(handedIn.ok, JSON.stringify(handedIn.body))
      const twice = await ada.handIn('coop.update_profile', drafted.body, { key: 'later' })
      assert.ok(twice.ok, JSON.stringify(twice.body))
      assert.deepEqual(operationsOf(twice), operationsOf(handedIn))
      const before = counted()
      const asked = await ada.write('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada C.' }, { key: 'later' })
      assert.deepEqual(operationsOf(asked), operationsOf(handedIn), 'its answer was lost, so it is asked again from the beginning')
      assert.equal(asked.body.value.name, 'Ada C.')
      const other = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada D.' }, { key: 'later', draft: true })
      assert.equal(other.code, 'IDEMPOTENCY_KEY_REUSED')
      assert.equal(counted(), before)
      await node.healthy()
    })
  })
}
