import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsRules, coopRules } from '@icn/domain'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import { commonsSpace, dayMs, didOfKey, hourMs, type OperationId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner } from '@icn/testkit'
import { openMetrics } from '../metrics.ts'
import { RestoreProofs } from '../snapshot/index.ts'
import { Archives } from './archives.ts'

/** A node that founds its network, with a clock that a test turns. */
class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'icn-schedule-'))
  readonly seed = new Uint8Array(32).fill(7)
  readonly key = signingKeyFromSeed(this.seed)
  readonly store = openMemoryStore()
  readonly journal: JournalApi
  readonly proofs: RestoreProofs
  readonly metrics = openMetrics({ version: 'test', process: false })
  readonly told: string[] = []
  archives: Archives
  now = 1_790_000_000_000

  constructor(t: TestContext) {
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
    this.journal = openJournal({
      store: this.store,
      key: this.key,
      node: didOfKey(this.key.publicKey),
      rulesOf: (space) => (space === commonsSpace ? commonsRules : coopRules),
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    this.proofs = new RestoreProofs({ local: this.journal.local, metrics: this.metrics, now: () => this.now })
    this.archives = this.start()
  }

  start(): Archives {
    this.archives = new Archives({
      options: {
        dir: join(this.folder, 'snapshots'),
        everyMs: 24 * hourMs,
        drillEveryMs: 7 * dayMs,
        recipientsFile: null,
        level: 3,
        chunkBytes: 65_536,
        stateBytesMax: 1_048_576,
        keep: { count: 2, daily: 0, weekly: 0, monthly: 0, bytesMax: 1_000_000_000 },
      },
      folder: this.folder,
      journal: this.journal,
      present: () => this.store.snapshot(),
      proofs: this.proofs,
      metrics: this.metrics,
      key: this.key,
      seed: this.seed,
      release: '0.1.0',
      network: () => this.journal.info(commonsSpace)?.genesis,
      now: () => this.now,
      restored() {},
      told: (what) => this.told.push(what),
    })
    return this.archives
  }

  /** Something becomes final. */
  async change(nonce: number): Promise<void> {
    const found = this.journal.info(commonsSpace) === undefined
    const body = found ? { name: 'Elm', keepers: [this.journal.node], stewards: [], nonce: new Uint8Array(16).fill(nonce) } : { sweep: nonce }
    if (found) await this.journal.propose({ space: commonsSpace, kind: 'commons.found', author: this.journal.node, grant: null, body })
    else
      await this.journal.propose({
        space: commonsSpace,
        kind: 'space.review',
        author: this.journal.node,
        grant: null,
        body: { operation: this.journal.info(commonsSpace)?.genesis, verdict: 'dismissed', note: `${nonce}` },
      })
    assert.ok((await this.journal.checkpoint(commonsSpace, 0)) !== null)
  }

  async run(): Promise<readonly string[]> {
    this.told.length = 0
    await this.archives.runDue(new AbortController().signal)
    return this.told
  }

  get files(): readonly string[] {
    return readdirSync(join(this.folder, 'snapshots')).filter((name) => name.endsWith('.icnsnap'))
  }
}

it('makes an archive when something has become final, as often as asked for, and tries the newest', async (t) => {
  const scene = new Scene(t)
  await scene.change(1)
  scene.now += hourMs
  assert.deepEqual(await scene.run(), ['made'])
  assert.deepEqual(await scene.run(), ['drilled'])
  assert.equal(scene.proofs.lastProven('archive'), scene.now)
  scene.now += 25 * hourMs
  assert.deepEqual(await scene.run(), [], 'nothing new is final')
  for (const turn of [2, 3, 4]) {
    await scene.change(turn)
    assert.deepEqual(await scene.run(), turn === 4 ? ['made', 'deleted'] : ['made'])
    assert.deepEqual(await scene.run(), [], 'not twice a day')
    scene.now += 25 * hourMs
  }
  assert.equal(scene.files.length, 3, 'two, and the one whose restore was proven')
})

it('makes up for a missed run once after the start', async (t) => {
  const scene = new Scene(t)
  await scene.change(1)
  scene.now += hourMs
  await scene.run()
  await scene.change(2)
  scene.now += 10 * dayMs
  scene.start()
  scene.now += hourMs
  assert.deepEqual(await scene.run(), ['made', 'drilled'])
  assert.deepEqual(await scene.run(), [])
})

it('tells of an archive that has gone bad, and what was proven before stays proven', async (t) => {
  const scene = new Scene(t)
  await scene.change(1)
  scene.now += hourMs
  await scene.run()
  await scene.run()
  const provenAt = scene.proofs.lastProven('archive')
  writeFileSync(join(scene.folder, 'snapshots', scene.files[0] as string), 'gone bad')
  scene.now += 8 * dayMs
  assert.deepEqual(await scene.run(), ['drilled'])
  assert.equal(scene.proofs.standings()[0]?.last.result, 'failed')
  assert.equal(scene.proofs.lastProven('archive'), provenAt)
  scene.now += 8 * dayMs
  assert.equal(scene.proofs.isStale('archive'), true)
})

it('makes an archive of what more have signed than an operation can name, and it is proven', async (t) => {
  const scene = new Scene(t)
  await scene.change(1)
  const genesis = scene.journal.info(commonsSpace)?.genesis as OperationId
  const operations = Array.from({ length: 310 }, (_, index) => {
    const seed = new Uint8Array(32)
    new DataView(seed.buffer).setUint32(0, index + 1)
    const body = { operation: genesis, verdict: 'dismissed', note: `${index}` }
    return raw(new TestSigner(seed).sign({ space: commonsSpace, genesis, kind: 'space.review', body, at: [scene.now + 1, index] }))
  })
  const { placed } = await scene.journal.ingest(commonsSpace, operations)
  assert.equal(placed, 310)
  scene.now += hourMs
  await scene.change(2)
  assert.deepEqual(await scene.run(), ['made'])
  assert.deepEqual(await scene.run(), ['drilled'])
  assert.equal(scene.proofs.lastProven('archive'), scene.now)
})
