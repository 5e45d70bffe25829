import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type Did, didOfKey, type OperationId, type SpaceCheckpoint, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner, toy, toyRules } from '@icn/testkit'
import type { JournalApi } from './api.ts'
import { openJournal } from './journal.ts'
import { journalDefaults } from './options.ts'
import { pagesNamed } from './pages.ts'
import type { Refusal } from './refusal.ts'
import { replaced } from './store/fixture.ts'
import { openMemoryStore } from './store/memory.ts'
import { openSqliteStore } from './store/sqlite.ts'

const space = 'coop:toy' as SpaceId
const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

class World {
  now = 1_790_000_000_000
  readonly seed = new Uint8Array(32).fill(7)
  readonly folder: string | undefined
  journal: JournalApi
  faults: unknown[] = []

  constructor(kind: 'memory' | 'sqlite') {
    if (kind === 'sqlite') {
      this.folder = mkdtempSync(join(tmpdir(), 'icn-journal-'))
      folders.push(this.folder)
    }
    this.journal = this.open()
  }

  open(): JournalApi {
    const key = signingKeyFromSeed(this.seed)
    return openJournal({
      store: this.folder === undefined ? openMemoryStore() : openSqliteStore({ folder: this.folder }),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: () => toyRules,
      wall: () => this.now,
      observer: { lawFault: (_, error) => this.faults.push(error) },
      options: { ...journalDefaults, verifyThreads: 0 },
    })
  }

  async restart(): Promise<void> {
    await this.journal.close()
    this.journal = this.open()
  }

  get node(): Did {
    return this.journal.node
  }

  propose(kind: string, body: unknown, options = {}) {
    return this.journal.propose({ space, kind, author: this.node, grant: null, body }, options)
  }

  async found(): Promise<void> {
    const result = await this.propose('toy.found', { name: 'toy' })
    assert.equal(result.outcome, 'applied')
  }
}

const refusal = (code: string) => (error: Refusal) => error.code === code

for (const kind of ['memory', 'sqlite'] as const) {
  describe(`a journal on a ${kind} store`, () => {
    it('proposes, judges, writes, and says why not', async () => {
      const w = new World(kind)
      await w.found()
      const first = await w.propose('toy.set', { name: 'a', value: 1, expect: 0 })
      assert.equal(first.outcome, 'applied')
      const second = await w.propose('toy.set', { name: 'a', value: 2, expect: 0 })
      assert.equal(second.outcome, 'refused')
      assert.deepEqual(second.decision.checks.find((check) => check.result === 'fail')?.code, 'STATE_CHANGED')
      assert.equal(w.journal.read(space)?.get(toy.registers, ['a'])?.value, 1)
      // Refused at the tip: not in the journal, but in the local log.
      assert.equal(w.journal.info(space)?.operations.refused, 0)
      assert.equal(w.journal.decision(second.decision.id)?.outcome, 'refused')
      assert.equal(w.journal.decisions({ author: w.node, limit: 10 }).length, 1)
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('answers an idempotency key with the stored answer, also after a restart', async () => {
      const w = new World(kind)
      await w.found()
      const options = { idempotency: { key: 'k', input: Uint8Array.of(1) }, answer: (facts: import('@icn/protocol').Facts) => ({ total: facts.get(toy.sums, ['s'])?.total }) }
      const once = await w.propose('toy.add', { name: 's', amount: 5 }, options)
      if (kind === 'sqlite') await w.restart()
      const twice = await w.propose('toy.add', { name: 's', amount: 5 }, options)
      assert.deepEqual([once.answer, twice.answer, twice.replayed], [{ total: 5 }, { total: 5 }, true])
      assert.equal(twice.operation?.operation.id, once.operation?.operation.id)
      await assert.rejects(w.propose('toy.add', { name: 's', amount: 6 }, { idempotency: { key: 'k', input: Uint8Array.of(2) } }), refusal('IDEMPOTENCY_KEY_REUSED'))
      assert.equal(w.journal.read(space)?.get(toy.sums, ['s'])?.total, 5)
      await w.journal.close()
    })

    it('predicts with simulate exactly what propose then does, and notices what changed since', async () => {
      const w = new World(kind)
      await w.found()
      await w.propose('toy.add', { name: 's', amount: 100 })
      const body = { name: 's', amount: 100 }
      const plan = w.journal.simulate([{ space, kind: 'toy.add', author: w.node, grant: null, body }])
      await w.propose('toy.set', { name: 'elsewhere', value: 1 })
      const done = await w.propose('toy.add', body, { unchanged: plan.readDigest })
      assert.equal(done.outcome, 'applied')
      assert.deepEqual(plan.decisions[0]?.checks, done.decision.checks)
      assert.deepEqual(plan.changes, [{ key: ['toy.sums', 's'], before: { total: 100, count: 1 }, after: { total: 200, count: 2 } }])
      await assert.rejects(w.propose('toy.add', body, { unchanged: plan.readDigest }), refusal('STATE_CHANGED'))
      assert.equal(w.journal.read(space)?.get(toy.sums, ['s'])?.total, 200)
      await w.journal.close()
    })

    it('compares If-Match inside the transaction', async () => {
      const w = new World(kind)
      await w.found()
      const tag = (facts: import('@icn/protocol').Facts): string => String(facts.get(toy.registers, ['a'])?.value ?? 'none')
      await w.propose('toy.set', { name: 'a', value: 3 }, { match: { tag, expected: ['none'] } })
      await assert.rejects(w.propose('toy.set', { name: 'a', value: 4 }, { match: { tag, expected: ['none'] } }), refusal('ETAG_MISMATCH'))
      await w.journal.close()
    })

    it('takes an operation of a device at a door, and refuses what cannot stand at the tip', async () => {
      const w = new World(kind)
      await w.found()
      const ada = new TestSigner(1)
      const draft = w.journal.draft({ space, kind: 'toy.set', author: ada.did, signer: ada.did, grant: null, body: { name: 'a', value: 9 } })
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const sign = (at: number, more = {}) =>
        ada.sign({ space, genesis, kind: 'toy.set', body: { name: 'a', value: 9 }, at: [at, 0], seen: draft.envelope.seen, keep: true, ...more })
      await assert.rejects(w.journal.submit(sign(w.now + 61_000)), refusal('CLOCK_AHEAD'))
      await assert.rejects(w.journal.submit(sign(w.now - 61_000)), refusal('LATE'))
      await assert.rejects(w.journal.submit(sign(w.now + 10, { seq: 1, prev: genesis })), refusal('NOT_CAUGHT_UP'))
      const forged = sign(w.now + 10)
      await assert.rejects(w.journal.submit({ ...forged, signature: new Uint8Array(64) }), refusal('OPERATION_MALFORMED'))
      await assert.rejects(w.journal.submit({ ...forged, body: Uint8Array.of(0xa0) }), refusal('OPERATION_MALFORMED'))
      const good = await w.journal.submit(forged)
      assert.equal(good.outcome, 'applied')
      const again = await w.journal.submit(forged)
      assert.equal(again.operation?.status, 'applied')
      await assert.rejects(w.journal.submit(sign(w.now + 20, { body: { name: 'a', value: 10 } })), refusal('SEQUENCE_STALE'))
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('appends what a device signed and its law refuses, and lists it in the quarantine', async () => {
      const w = new World(kind)
      await w.found()
      const ada = new TestSigner(1)
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const result = await w.journal.submit(ada.sign({ space, genesis, kind: 'toy.set', body: { name: 'a', value: 1, expect: 7 }, at: [w.now + 5, 0] }))
      assert.equal(result.outcome, 'refused')
      assert.deepEqual(
        w.journal.quarantine(space, { limit: 10 }).map((entry) => entry.status),
        ['refused'],
      )
      assert.equal(w.journal.draft({ space, kind: 'toy.set', author: ada.did, signer: ada.did, grant: null, body: { name: 'a', value: 1 } }).envelope.seq, 1)
      await w.journal.close()
    })

    it('rewinds for what comes late in arrival but early in order, and says what changed', async () => {
      const w = new World(kind)
      await w.found()
      const ada = new TestSigner(1)
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const early = ada.sign({ space, genesis, kind: 'toy.set', body: { name: 'a', value: 5, expect: 0 }, at: [w.now + 1, 0] })
      w.now += 1_000
      const mine = await w.propose('toy.set', { name: 'a', value: 1, expect: 0 })
      const result = await w.journal.ingest(space, [raw(early)])
      assert.equal(result.placed, 1)
      assert.equal(w.journal.read(space)?.get(toy.registers, ['a'])?.value, 5)
      const [entry] = w.journal.quarantine(space, { limit: 10 })
      assert.equal(entry?.operation.id, mine.operation?.operation.id)
      assert.equal(entry?.displacedBy, early.id)
      const types = w.journal.events(space, undefined, 100).events.map((event) => event.type)
      assert.ok(types.includes('operation.revised') && types.includes('quarantine.added'))
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('holds what comes before its parents or too far ahead, and folds it when the time has come', async () => {
      const w = new World(kind)
      await w.found()
      const ada = new TestSigner(1)
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const one = ada.sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 1, 0] })
      const two = ada.sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 2, 0] })
      const far = ada.sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 120_000, 0] })
      const three = ada.sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 130_000, 0] })
      const first = await w.journal.ingest(space, [raw(far), raw(two)])
      assert.deepEqual([first.placed, first.held, first.wanted], [0, 2, [one.id]])
      if (kind === 'sqlite') await w.restart()
      // Nobody may have answered; and what waits here itself is not asked for.
      const again = await w.journal.ingest(space, [raw(three), raw(two)])
      assert.deepEqual([again.placed, again.held, again.known, again.wanted], [0, 1, 1, [one.id]])
      const second = await w.journal.ingest(space, [raw(one)])
      assert.equal(second.placed, 2)
      assert.equal(w.journal.operation(far.id)?.status, 'held')
      w.now += 100_000
      await w.journal.maintain()
      assert.equal(w.journal.operation(far.id)?.status, 'applied')
      assert.equal(w.journal.read(space)?.get(toy.sums, ['s'])?.total, 4)
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('closes a key that was used twice, and lets an honest reissue pass', async () => {
      const w = new World(kind)
      await w.found()
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const ada = new TestSigner(1)
      const common = { space, genesis, kind: 'toy.set' }
      const first = ada.sign({ ...common, body: { name: 'a', value: 1 }, at: [w.now + 2, 0], keep: true })
      const reissue = ada.sign({ ...common, body: { name: 'a', value: 1 }, at: [w.now + 1, 0] })
      await w.journal.ingest(space, [raw(first), raw(reissue)])
      assert.deepEqual([w.journal.operation(first.id)?.status, w.journal.operation(reissue.id)?.status], ['superseded', 'applied'])
      const next = ada.sign({ ...common, body: { name: 'b', value: 1 }, at: [w.now + 3, 0], keep: true })
      const other = ada.sign({ ...common, body: { name: 'b', value: 2 }, at: [w.now + 4, 0] })
      const later = ada.sign({ ...common, body: { name: 'c', value: 2 }, at: [w.now + 5, 0] })
      await w.journal.ingest(space, [raw(next)])
      assert.equal(w.journal.operation(next.id)?.status, 'applied')
      await w.journal.ingest(space, [raw(later), raw(other)])
      assert.deepEqual(
        [next, other, later].map((operation) => w.journal.operation(operation.id)?.status),
        ['forked', 'forked', 'forked'],
      )
      assert.equal(w.journal.read(space)?.get(toy.registers, ['b']), undefined)
      assert.throws(() => w.journal.draft({ space, kind: 'toy.set', author: ada.did, signer: ada.did, grant: null, body: { name: 'a', value: 1 } }), refusal('FORKED'))
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('drops what is malformed, each for its reason, and goes on', async () => {
      const w = new World(kind)
      await w.found()
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const ada = new TestSigner(1)
      const good = ada.sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 1, 0] })
      const sign = (seed: number, more: object) => new TestSigner(seed).sign({ space, genesis, kind: 'toy.add', body: { name: 's', amount: 1 }, at: [w.now + 1, 0], ...more })
      const cases: [string, { envelope: Uint8Array; signature: Uint8Array; body: Uint8Array | null }][] = [
        ['encoding', { ...raw(good), envelope: good.bytes.subarray(0, 40) }],
        ['signature', { ...raw(good), signature: good.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) }],
        ['body_hash', { ...raw(good), body: Uint8Array.of(0xa0) }],
        ['size', { ...raw(good), body: new Uint8Array(70_000) }],
        ['body', raw(sign(2, { body: { name: 's', amount: 0 } }))],
        ['body', raw(sign(2, { body: { name: 's', amount: 1, more: 1 } }))],
        ['genesis', raw(sign(3, { genesis: good.id }))],
        ['clock', raw(sign(4, { at: [5, 0] }))],
        ['chain', raw(sign(5, { seq: 1, prev: genesis }))],
        ['wrong_space', raw(sign(6, { space: 'coop:other' }))],
      ]
      for (const [reason, bytes] of cases) {
        const result = await w.journal.ingest(space, [bytes])
        assert.deepEqual(
          result.malformed.map((entry) => entry.reason),
          [reason],
        )
      }
      assert.equal((await w.journal.ingest(space, [raw(good)])).placed, 1)
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('refuses too many rows, unknown kinds and failing laws alike on every node', async () => {
      const w = new World(kind)
      await w.found()
      const codes = async (body: unknown, kindName = 'toy.break') =>
        (await w.propose(kindName, body)).decision.checks.filter((check) => check.result === 'fail').map((check) => check.code)
      assert.deepEqual(await codes({ rows: 1_001, fault: false }), ['TOO_MANY_ROWS'])
      assert.deepEqual(await codes({ rows: 3, fault: true }), ['LAW_FAULT'])
      assert.deepEqual(await codes({}, 'toy.nothing'), ['KIND_UNKNOWN'])
      assert.equal(w.faults.length, 1)
      assert.equal(w.journal.read(space)?.get(toy.registers, ['row-1']), undefined)
      await w.journal.close()
    })

    it('makes a checkpoint, after which what it covers is final and what it missed is late', async () => {
      const w = new World(kind)
      await w.found()
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const missed = new TestSigner(1).sign({ space, genesis, kind: 'toy.set', body: { name: 'late', value: 1 }, at: [w.now + 1, 0] })
      w.now += 10_000
      const covered = await w.propose('toy.set', { name: 'a', value: 1 })
      w.now += 60_000
      await w.propose('toy.set', { name: 'b', value: 1 })
      const root = (at: number) => w.journal.asOf(space, [at, 65535])
      assert.equal(root(w.now - 1).get(toy.registers, ['b']), undefined)
      const id = await w.journal.checkpoint(space, 30_000)
      assert.ok(id)
      assert.equal(w.journal.operation(covered.operation?.operation.id as never)?.final, true)
      const info = w.journal.info(space)
      assert.equal(info?.unfinal, 1)
      await w.journal.ingest(space, [raw(missed)])
      assert.equal(w.journal.operation(missed.id)?.status, 'late')
      assert.equal(w.journal.read(space)?.get(toy.registers, ['late']), undefined)
      await assert.rejects(w.journal.submit(new TestSigner(2).sign({ space, genesis, kind: 'toy.set', body: { name: 'l', value: 1 }, at: [w.now - 59_000, 0] })), refusal('LATE'))
      assert.ok(await w.journal.checkpoint(space, 0))
      assert.equal(await w.journal.checkpoint(space, 0), null)
      if (kind === 'sqlite') {
        await w.restart()
        assert.equal(w.journal.info(space)?.unfinal, 0)
      }
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('keeps what comes behind a running cut aside, and takes it in when the cut is given up', async () => {
      const w = new World(kind)
      await w.found()
      const genesis = w.journal.info(space)?.genesis as import('@icn/protocol').OperationId
      const behind = new TestSigner(1).sign({ space, genesis, kind: 'toy.set', body: { name: 'behind', value: 1 }, at: [w.now + 1, 0] })
      w.now += 10_000
      await w.propose('toy.set', { name: 'a', value: 1 })
      const cut = w.journal.checkpoint(space, 0)
      // The mark stands in the queue before this does.
      const taken = w.journal.ingest(space, [raw(behind)])
      assert.ok(await cut)
      await taken
      assert.equal(w.journal.operation(behind.id)?.status, 'late')
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('makes a stretch with more signers than stand in an operation final in one cut, whose pages others need', async () => {
      const w = new World(kind)
      await w.found()
      const genesis = w.journal.info(space)?.genesis as OperationId
      const many = Array.from({ length: 650 }, (_, i) => {
        const seed = new Uint8Array(32)
        new DataView(seed.buffer).setUint32(0, i + 1_000)
        // Three at each clock, so that a border cannot fall just anywhere.
        return new TestSigner(seed).sign({ space, genesis, kind: 'toy.set', body: { name: 'a', value: i }, at: [w.now + 1 + Math.floor(i / 3), 0] })
      })
      await w.journal.ingest(space, many.map(raw))
      w.now += 10_000
      const cut = w.journal.operation((await w.journal.checkpoint(space, 0)) as OperationId)?.body as SpaceCheckpoint
      assert.equal(w.journal.info(space)?.unfinal, 0)
      const all = w.journal.operations(space, { limit: 10_000 }).map((entry) => raw(entry.operation))
      const other = new World(kind)
      other.now = w.now
      await other.journal.ingest(space, all)
      assert.equal(other.journal.info(space)?.checkpoint, null)
      for (const digest of pagesNamed(cut.layers)) await other.journal.cuts.takePage(space, digest, w.journal.cuts.page(space, digest) as Uint8Array, [])
      assert.deepEqual(other.journal.info(space)?.checkpoint, w.journal.info(space)?.checkpoint)
      assert.deepEqual(other.journal.doctor(), [])
      await w.journal.close()
      await other.journal.close()
    })

    it('gives an empty node the same state from the same operations, checkpoints included', async () => {
      const w = new World(kind)
      await w.found()
      for (let i = 0; i < 20; i++) {
        await w.propose('toy.add', { name: `s${i % 3}`, amount: 10 })
        w.now += 5_000
        if (i % 6 === 5) await w.journal.checkpoint(space, 12_000)
      }
      await w.journal.checkpoint(space, 0)
      const all = w.journal.operations(space, { limit: 1_000 }).map((entry) => raw(entry.operation))
      const other = new World(kind)
      other.now = w.now
      await other.journal.ingest(space, all.slice().reverse())
      assert.deepEqual(other.journal.root(space), w.journal.root(space))
      assert.deepEqual(other.journal.info(space)?.checkpoint, w.journal.info(space)?.checkpoint)
      assert.deepEqual(other.journal.doctor(), [])
      await w.journal.close()
      await other.journal.close()
    })

    it('numbers events without holes and pages through them', async () => {
      const w = new World(kind)
      await w.found()
      for (let i = 0; i < 150; i++) void w.propose('toy.set', { name: 'a', value: i })
      await w.propose('toy.set', { name: 'a', value: 1000 })
      const all = w.journal.events(space, undefined, 10_000)
      assert.deepEqual(
        all.events.map((event) => event.sequence),
        all.events.map((_, i) => i + 1),
      )
      const page = w.journal.events(space, { epoch: all.epoch, sequence: 70 }, 10)
      assert.deepEqual(
        page.events.map((event) => event.sequence),
        [71, 72, 73, 74, 75, 76, 77, 78, 79, 80],
      )
      assert.equal(w.journal.events(space, { epoch: 'other', sequence: 3 }, 10).truncated, true)
      await w.journal.close()
    })

    it('replays a stretch under other rules and lists what comes out otherwise', async () => {
      const w = new World(kind)
      await w.found()
      const from = w.journal.info(space)?.head?.at as import('@icn/protocol').Clock
      for (let i = 0; i < 4; i++) await w.propose('toy.add', { name: 's', amount: 100 })
      assert.deepEqual(w.journal.replay(space, from, toyRules), [])
      const stricter = { ...toyRules, laws: new Map(toyRules.laws) }
      const add = toyRules.laws.get('toy.add') as import('@icn/protocol').Law
      stricter.laws.set('toy.add', {
        ...add,
        decide: (op, facts) =>
          (facts.get(toy.sums, ['s'])?.total ?? 0) >= 200 ? { outcome: 'refused', checks: [{ code: 'MEMBERS_FULL', result: 'fail' }] } : add.decide(op, facts),
      })
      assert.equal(w.journal.replay(space, from, stricter).length, 2)
      await w.journal.close()
    })

    it('forgets bodies that are kept only for a time, and nothing else', async () => {
      const w = new World(kind)
      await w.found()
      const note = await w.propose('toy.note', { text: 'private' })
      const kept = await w.propose('toy.set', { name: 'a', value: 1 })
      const idOf = (result: typeof note) => (result.operation as NonNullable<typeof note.operation>).operation.id
      const before = w.journal.root(space)
      w.now += 8 * 86_400_000
      await w.journal.maintain()
      assert.deepEqual(w.journal.operation(idOf(note))?.body, { text: 'private' }, 'not before it is final')
      await w.journal.checkpoint(space, 0)
      w.now += 8 * 86_400_000
      await w.journal.maintain()
      const shown = w.journal.operation(idOf(note))
      assert.deepEqual([shown?.body, shown?.status, shown?.final], [null, 'applied', true])
      assert.deepEqual(w.journal.operation(idOf(kept))?.body, { name: 'a', value: 1 })
      assert.equal(w.journal.read(space)?.get(toy.registers, ['noted'])?.value, 7)
      assert.ok(before.pairs <= w.journal.root(space).pairs)
      assert.deepEqual(w.journal.doctor(), [])
      await w.journal.close()
    })

    it('takes nothing while the disk is full, and goes on afterwards', async () => {
      const w = new World(kind)
      await w.found()
      w.journal.isFull = true
      await assert.rejects(w.propose('toy.set', { name: 'a', value: 1 }), refusal('STORE_FULL'))
      assert.ok(w.journal.read(space))
      w.journal.isFull = false
      assert.equal((await w.propose('toy.set', { name: 'a', value: 1 })).outcome, 'applied')
      await w.journal.close()
    })
  })
}

describe('opening', () => {
  it('reads a bounded number of rows, however long the journal is', async () => {
    const readsOf = async (operations: number): Promise<number> => {
      const w = new World('sqlite')
      await w.found()
      await Promise.all(Array.from({ length: operations }, (_, i) => w.propose('toy.set', { name: `n${i % 50}`, value: i })))
      await w.journal.close()
      const store = openSqliteStore({ folder: w.folder as string })
      let rows = 0
      const counted = replaced(store, {
        get(map, key) {
          rows++
          return store.get(map, key)
        },
        *range(map, gte, lt, reverse) {
          for (const row of store.range(map, gte, lt, reverse)) {
            rows++
            yield row
          }
        },
      })
      const key = signingKeyFromSeed(w.seed)
      const journal = openJournal({
        store: counted,
        key,
        node: didOfKey(key.publicKey),
        rulesOf: () => toyRules,
        wall: () => w.now,
        options: { ...journalDefaults, verifyThreads: 0 },
      })
      assert.equal(journal.info(space)?.operations.applied, operations + 1)
      await journal.close()
      return rows
    }
    assert.equal(await readsOf(2_000), await readsOf(20))
  })
})
