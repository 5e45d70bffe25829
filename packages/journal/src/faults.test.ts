import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { didOfKey, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { toyRules } from '@icn/testkit'
import type { JournalApi, JournalEvent } from './api.ts'
import { openJournal } from './journal.ts'
import { journalDefaults } from './options.ts'
import { replaced } from './store/fixture.ts'
import { StoreFault } from './store/port.ts'
import { openSqliteStore } from './store/sqlite.ts'

/** What the journal does when the store under it fails. */

const space = 'coop:toy' as SpaceId

interface Trouble {
  readonly journal: JournalApi
  /** The next write fails: before anything was written, after all of it, or because there is no room. */
  failNext(how: 'before' | 'after' | 'full'): void
  readonly faults: unknown[]
  readonly lost: unknown[]
  set(value: number): ReturnType<JournalApi['propose']>
}

async function open(t: TestContext): Promise<Trouble> {
  const folder = mkdtempSync(join(tmpdir(), 'icn-faults-'))
  const store = openSqliteStore({ folder })
  const key = signingKeyFromSeed(new Uint8Array(32).fill(7))
  const faults: unknown[] = []
  const lost: unknown[] = []
  let next: 'before' | 'after' | 'full' | undefined
  const failing = replaced(store, {
    write(changes) {
      const what = next
      next = undefined
      if (what === 'full') throw new StoreFault('full', 'the disk is full')
      if (what === 'before') throw new StoreFault('io', 'the disk did not take it')
      store.write(changes)
      if (what === 'after') throw new StoreFault('io', 'the disk did not say whether it took it')
    },
  })
  const journal = openJournal({
    store: failing,
    key,
    node: didOfKey(key.publicKey),
    rulesOf: () => toyRules,
    wall: () => 1_790_000_000_000,
    observer: { fault: (_, error) => faults.push(error), lost: (error) => lost.push(error) },
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  const propose = (kind: string, body: unknown) => journal.propose({ space, kind, author: journal.node, grant: null, body })
  t.after(async () => {
    await journal.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await propose('toy.found', { name: 'toy' })
  const failNext = (how: typeof next): void => {
    next = how
  }
  return { journal, failNext, faults, lost, set: (value) => propose('toy.set', { name: 'a', value }) }
}

const isIo = (error: unknown): boolean => error instanceof StoreFault && error.reason === 'io'

it('a write that failed before anything was written leaves the journal as it was, and the next one works', async (t) => {
  const trouble = await open(t)
  const { journal } = trouble
  await trouble.set(1)
  const before = journal.info(space)
  trouble.failNext('before')
  const failed = await Promise.allSettled([trouble.set(2), trouble.set(3)])
  assert.ok(failed.every((one) => one.status === 'rejected' && isIo(one.reason)))
  assert.deepEqual(journal.info(space), before)
  assert.equal((await trouble.set(4)).outcome, 'applied')
  assert.equal(journal.info(space)?.operations.applied, 3)
  assert.deepEqual(journal.doctor(), [])
  assert.deepEqual([trouble.faults.length, trouble.lost.length], [1, 0])
})

it('a write that failed and is there nevertheless is found, told to whoever listens, and built upon', async (t) => {
  const trouble = await open(t)
  const { journal } = trouble
  const heard: JournalEvent[] = []
  journal.subscribe((spaces) => heard.push(...(spaces.get(space) ?? [])))
  trouble.failNext('after')
  await assert.rejects(trouble.set(2), isIo)
  assert.equal(journal.info(space)?.operations.applied, 2)
  assert.deepEqual(heard, journal.events(space, undefined, 100).events.slice(-heard.length))
  assert.equal(heard.filter(({ type }) => type === 'operation.applied').length, 1)
  assert.equal((await trouble.set(3)).outcome, 'applied')
  assert.deepEqual(journal.doctor(), [])
  assert.deepEqual(trouble.lost, [])
})

it('twice within a minute is the end of it', async (t) => {
  const trouble = await open(t)
  trouble.failNext('before')
  await assert.rejects(trouble.set(1), isIo)
  trouble.failNext('before')
  await assert.rejects(trouble.set(2), isIo)
  assert.equal(trouble.lost.length, 1)
})

it('rows of the node itself fail the same way', async (t) => {
  const trouble = await open(t)
  trouble.failNext('before')
  assert.throws(() => trouble.journal.local.write([{ key: ['a'], value: 1 }]), isIo)
  assert.equal(trouble.journal.local.get(['a']), undefined)
  trouble.journal.local.write([{ key: ['a'], value: 2 }])
  assert.equal(trouble.journal.local.get(['a']), 2)
  assert.deepEqual([trouble.faults.length, trouble.lost.length], [1, 0])
})

it('a full disk is no reason to read everything again', async (t) => {
  const trouble = await open(t)
  for (const _ of [1, 2, 3]) {
    trouble.failNext('full')
    await assert.rejects(trouble.set(1), (error) => error instanceof StoreFault && error.reason === 'full')
  }
  assert.equal((await trouble.set(4)).outcome, 'applied')
  assert.deepEqual(trouble.lost, [])
})

it('upkeep that finds nothing to do writes nothing', async (t) => {
  const { journal, failNext, faults, set } = await open(t)
  await set(1)
  failNext('before')
  await journal.maintain()
  assert.deepEqual(faults, [])
  await assert.rejects(set(2), isIo)
})
