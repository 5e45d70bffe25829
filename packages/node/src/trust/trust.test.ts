import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkTrust, commonsRules, coopRules, trustEdges, trustIn } from '@icn/domain'
import type { JournalApi, JournalEvent } from '@icn/journal'
import { journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import type { Did, OperationId, SpaceId, TrustGraph } from '@icn/protocol'
import { commonsSpace, dayMs, didOfKey, hourMs, rowOf, trustGraphs, trustKeptMs } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { LawRunner, raw, TestSigner } from '@icn/testkit'
import fc from 'fast-check'
import { openMetrics } from '../metrics.ts'
import { Trust, trustDefaults, trustHandlers, type TrustOptions, TrustSweeper, type Viewer } from './index.ts'

const start = 1_800_000_000_000
const people = { ada: new TestSigner(2), ben: new TestSigner(3), cleo: new TestSigner(4), dee: new TestSigner(5) }
const [ada, ben, cleo, dee] = [people.ada.did, people.ben.did, people.cleo.did, people.dee.did]

/** A real engine in memory; people sign with keys of their own, and chains begin anew in each world. */
class World {
  now = start
  readonly journal: JournalApi
  readonly trust: Trust
  readonly metrics = openMetrics({ version: 'test', process: false })
  readonly signers = new Map<Did, TestSigner>()
  genesis: OperationId = '' as OperationId
  standing = new Map<Did, number>()

  constructor(options: Partial<TrustOptions> = {}) {
    const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
    this.journal = openJournal({
      store: openMemoryStore(),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: (space) => (space === commonsSpace ? commonsRules : coopRules),
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    const { journal, metrics } = this
    this.trust = new Trust({ ...trustDefaults, ...options }, { journal, metrics, now: () => this.now, standing: (did) => this.standing.get(did) ?? 1_000 })
    for (const seed of [2, 3, 4, 5]) {
      const signer = new TestSigner(seed)
      this.signers.set(signer.did, signer)
    }
  }

  async found(): Promise<this> {
    const { node } = this.journal
    const stewards = [ada, ben, cleo]
    const made = await this.journal.propose({
      space: commonsSpace,
      kind: 'commons.found',
      author: node,
      grant: null,
      body: { name: 'Home', keepers: [node], stewards, nonce: new Uint8Array(16) },
    })
    this.genesis = made.operation?.operation.id as OperationId
    this.now += 1_000
    return this
  }

  /** Signed by its author, or a key of theirs, at a time; and taken in as if it came from elsewhere. */
  async take(kind: string, author: Did, body: unknown, more: { readonly at?: number; readonly signer?: TestSigner; readonly grant?: OperationId } = {}): Promise<OperationId> {
    const { at = ++this.now, signer = this.signers.get(author) as TestSigner, grant } = more
    const operation = signer.sign({ space: commonsSpace, genesis: this.genesis, kind, body, at: [at, 0], author, ...(grant === undefined ? {} : { grant }) })
    const result = await this.journal.ingest(commonsSpace, [raw(operation)])
    assert.deepEqual([result.placed, result.malformed], [1, []], kind)
    return operation.id
  }

  say(author: Did, subject: Did, weight: number, more: { readonly graph?: TrustGraph; readonly days?: number } = {}): Promise<OperationId> {
    const { graph = 'social', days = 100 } = more
    return this.take('trust.edge.set', author, { subject, graph, weight, expires_at: this.now + days * dayMs })
  }

  own(did: Did, subject: Did, space?: SpaceId) {
    return this.trust.answer({ own: did }, subject, space)
  }

  async figure(series: string): Promise<number> {
    const { body } = await this.metrics.text(false)
    return Number(
      body
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1] ?? Number.NaN,
    )
  }
}

test('a fresh node trusts itself and nobody else, without any edge', async () => {
  const world = await new World().found()
  const { node } = world.journal
  assert.deepEqual([world.trust.effective(node), world.trust.answer('node', node).class], [1_000, 'federated'])
  assert.deepEqual([world.trust.effective(ada), world.trust.answer('node', ada).class], [0, 'isolated'])
  await world.journal.close()
})

test('different people rightly see different numbers', async () => {
  const world = await new World().found()
  await world.say(ada, dee, 900)
  await world.say(ben, dee, 100)
  await world.say(cleo, ada, 1_000)
  await world.say(cleo, ben, 1_000)
  assert.deepEqual(
    [ada, ben, cleo].map((did) => world.own(did, dee).combined),
    [630, 70, 150],
  )
  await world.journal.close()
})

test('an edge revised away is gone from the next answer', async () => {
  const world = await new World().found()
  const phone = new TestSigner(20)
  const grant = await world.take('identity.grant', ada, {
    grantee: phone.did,
    grantee_kind: 'device',
    scopes: ['trust.*'],
    not_before_at: world.now,
    not_after_at: world.now + 30 * dayMs,
    label: 'Phone',
  })
  const before = ++world.now
  world.now += 10_000
  const stolen = await world.take('trust.edge.set', ada, { subject: dee, graph: 'social', weight: 1_000, expires_at: world.now + dayMs }, { at: ++world.now, signer: phone, grant })
  assert.equal(world.own(ada, dee).combined, 700)
  assert.equal(world.own(ada, dee).combined, 700)
  assert.equal(await world.figure('icn_trust_cache_hits_total'), 3)
  await world.take('identity.revoke', ada, { grantee: phone.did, reason: 'lost' }, { at: before })
  assert.equal(world.journal.operation(stolen)?.status, 'refused')
  assert.equal(world.own(ada, dee).combined, 0)
  assert.deepEqual(world.journal.doctor(), [])
  await world.journal.close()
})

test('an edge that comes late but stands earlier counts at once', async () => {
  const world = await new World().found()
  const early = ++world.now
  world.now += 10_000
  await world.say(ben, ada, 500)
  assert.equal(world.own(ada, dee).combined, 0)
  await world.take('trust.edge.set', ada, { subject: dee, graph: 'social', weight: 500, expires_at: world.now + dayMs }, { at: early })
  assert.equal(world.own(ada, dee).combined, 350)
  world.now += dayMs
  assert.equal(world.own(ada, dee).combined, 0)
  await world.journal.close()
})

test('the node looks with its operators’ eyes, or those it was told; pins and standing are applied to what it sees', async () => {
  const world = await new World().found()
  const { trust, journal } = world
  await world.say(ada, dee, 800)
  assert.equal(trust.effective(dee), 0)
  journal.local.write([{ key: ['operators', ada], value: true }])
  assert.equal(trust.effective(dee), 560)
  assert.equal(trust.effective(ada), 1_000, 'an operator is one of those who look')
  trust.pins.set({ did: dee, permille: 50, note: 'Broke a promise', set_at: world.now })
  assert.deepEqual([trust.effective(dee), trust.answer('node', dee).combined, trust.answer('node', dee).class], [50, 560, 'isolated'])
  assert.equal(world.own(ada, dee).effective, 560, 'the operator’s pin is not a person’s word')
  trust.pins.set({ did: dee, permille: 1_000, note: '', set_at: world.now })
  const rows = [...(journal.read(commonsSpace)?.scan(trustEdges) ?? [])]
  for (const [standing, effective] of [
    [1_000, 1_000],
    [999, 999],
    [500, 500],
    [0, 0],
  ] as const) {
    world.standing.set(dee, standing)
    assert.equal(trust.effective(dee), effective)
  }
  assert.deepEqual([...(journal.read(commonsSpace)?.scan(trustEdges) ?? [])], rows, 'standing changes no row')
  trust.pins.remove(dee)
  world.standing.clear()
  assert.equal(trust.effective(dee), 560)
  await journal.close()

  const told = await new World({ perspective: [ben] }).found()
  await told.say(ben, dee, 1_000)
  await told.say(ada, cleo, 1_000)
  told.journal.local.write([{ key: ['operators', ada], value: true }])
  assert.deepEqual([told.trust.effective(dee), told.trust.effective(cleo), told.trust.effective(told.journal.node)], [700, 0, 1_000])
  await told.journal.close()
})

test('keepers have a floor in matters of commons, and only there', async () => {
  const world = await new World({ cohostFloorPermille: 600 }).found()
  const { node } = world.journal
  assert.deepEqual([world.own(ada, node).effective, world.own(ada, node, commonsSpace).effective, world.own(ada, dee, commonsSpace).effective], [0, 600, 0])
  world.standing.set(node, 900)
  assert.equal(world.own(ada, node, commonsSpace).effective, 540)
  await world.journal.close()
})

test('gauges count edges and pins, counters what was set and answered', async () => {
  const world = await new World().found()
  await world.say(ada, dee, 800)
  await world.say(ada, ben, 800, { graph: 'economic' })
  await world.take('trust.edge.end', ada, { subject: ben })
  world.trust.pins.set({ did: dee, permille: 1, note: '', set_at: 1 })
  world.own(ada, dee)
  world.trust.measure()
  assert.deepEqual(
    await Promise.all(
      ['icn_trust_edges', 'icn_trust_pins', 'icn_trust_edges_set_total{graph="social"}', 'icn_trust_scores_total{class="partner"}', 'icn_trust_score_duration_seconds_count'].map(
        (name) => world.figure(name),
      ),
    ),
    [1, 1, 1, 1, 1],
  )
  world.trust.close()
  await world.journal.close()
})

test('the sweeper takes away what has been over for 90 days, in rounds, and says nothing twice', async () => {
  const world = await new World().found()
  const sweeper = new TrustSweeper(world.journal)
  await world.take('trust.edge.set', ada, { subject: dee, graph: 'social', weight: 1, expires_at: world.now + hourMs + 1_000 })
  await world.say(ada, ben, 800, { days: 200 })
  assert.equal(await sweeper.sweep(world.now), 0)
  world.now += hourMs + 1_000 + trustKeptMs
  assert.equal(await sweeper.sweep(world.now), 1)
  assert.equal(await sweeper.sweep(world.now), 0)
  assert.equal(world.journal.read(commonsSpace)?.count(trustEdges), 1)
  assert.deepEqual(world.journal.doctor(), [])
  await world.journal.close()
})

/** `560 = ⌊(700 · 800 + 3) / 1000⌋` as a reader would work it out. */
function worksOut(sentence: string): boolean | undefined {
  const [, number, formula] = /(\d+) = ⌊([\d ·+/(),max]+)⌋/.exec(sentence) ?? []
  if (number === undefined || formula === undefined) return undefined
  const code = formula.replaceAll('·', '*').replaceAll('max', 'Math.max')
  return Math.floor(Number(new Function(`return ${code}`)())) === Number(number)
}

test('an explanation can be worked out again from its own words, in both languages', async () => {
  const world = await new World().found()
  const { journal, trust } = world
  await world.say(ada, ben, 1_000)
  await world.say(ada, cleo, 500, { days: 10 })
  await world.say(ada, dee, 600)
  await world.say(ada, dee, 300, { graph: 'technical' })
  await world.say(ben, dee, 900, { days: 20 })
  await world.say(cleo, dee, 200)
  journal.local.write([{ key: ['operators', ada], value: true }])
  const handlers = trustHandlers({ trust, now: () => world.now, rights: () => new Set() })
  const facts = journal.read(commonsSpace)
  assert.ok(facts !== undefined)
  for (const lang of ['en', 'es']) {
    const ask = async (subject: Did, caller: object): Promise<string[]> => {
      const { value } = await handlers['trust.explain'](
        {
          method: 'trust.explain',
          input: { subject },
          caller: { operator: false, lang, ...caller },
          options: { requestId: 'r' },
          rights: new Set(),
          space: commonsSpace,
          facts,
        },
        journal,
      )
      assert.doesNotThrow(() => rowOf('trust.explain').output.parse(value))
      return value.sentences
    }
    const own = await ask(dee, { did: ada })
    trust.pins.set({ did: dee, permille: 900, note: 'Our baker', set_at: world.now })
    world.standing.set(dee, 800)
    const pinned = await ask(dee, { operator: true })
    trust.pins.remove(dee)
    world.standing.clear()
    const all = [own, pinned, await ask(new TestSigner(99).did, { did: ada }), await ask(ada, { did: ada })]
    for (const sentence of all.flat()) assert.notEqual(worksOut(sentence), false, sentence)
    assert.ok(own.filter((sentence) => worksOut(sentence)).length >= 4)
    const file = join(import.meta.dirname, 'golden', `explain.${lang}.txt`)
    const text = `${all.map((sentences) => sentences.join('\n')).join('\n\n')}\n`
    if (process.env['ICN_GOLDEN'] === 'write') await writeFile(file, text)
    assert.equal(text, await readFile(file, 'utf8'))
  }
  await journal.close()
})

interface Step {
  readonly what: 'set' | 'set' | 'end' | 'retire' | 'wait' | 'revise'
  readonly who: number
  readonly whom: number
  readonly graph: TrustGraph
  readonly weight: number
  readonly ms: number
}

test('what is remembered is what would be worked out, at every moment of random histories with a moving clock', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom<Step['what'][]>('set', 'set', 'set', 'set', 'set', 'set', 'set', 'end', 'retire', 'wait', 'wait', 'revise'),
    who: fc.nat({ max: 3 }),
    whom: fc.nat({ max: 5 }),
    graph: fc.constantFrom(...trustGraphs),
    weight: fc.constantFrom(0, 100, 399, 400, 700, 1_000),
    ms: fc.integer({ min: 1, max: hourMs }),
  })
  let hits = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), fc.constantFrom(5, 1_000), (steps, cacheCount) => {
      const dids = Array.from({ length: 6 }, (_, i) => `did:${i}` as Did)
      const run = new LawRunner([...commonsRules.laws.values()], commonsSpace)
      run.tables.checked = false
      let heard: (spaces: ReadonlyMap<SpaceId, readonly JournalEvent[]>) => void = () => {}
      const journal = {
        node: dids[0],
        local: { get: () => undefined, scan: () => [], write: () => {} },
        read: () => run.tables,
        subscribe: (listener: typeof heard) => {
          heard = listener
          return () => {}
        },
      } as unknown as JournalApi
      const metrics = { add: (name: string) => (hits += name === 'icn_trust_cache_hits_total' ? 1 : 0), set: () => {}, observe: () => {}, text: () => {} } as never
      const trust = new Trust({ ...trustDefaults, cacheCount }, { journal, metrics, now: () => run.at[0] })
      // Everybody is a steward; the schema of the founding would ask for real keys.
      const found = run.laws.get('commons.found')
      found?.apply({ ...run.view('commons.found', dids[0] as Did, {}), body: { name: 'Home', keepers: [dids[0]], stewards: dids.slice(1), nonce: new Uint8Array(16) } }, run.tables)
      for (const { what, who, whom, graph, weight, ms } of steps) {
        const [author, subject] = [dids[who] as Did, dids[whom] as Did]
        const told = run.tables.events.length
        const before = run.tables.clone()
        if (what === 'wait') run.wait(ms)
        else {
          const kind = what === 'end' ? 'trust.edge.end' : what === 'retire' ? 'identity.freeze' : 'trust.edge.set'
          const body = what === 'end' ? { subject } : what === 'retire' ? { final: true, reason: 'x' } : { subject, graph, weight, expires_at: run.at[0] + hourMs + ms }
          const op = run.view(kind, author, body)
          const law = run.laws.get(kind)
          if (law?.decide(op, run.tables).outcome === 'lawful') law.apply(op, run.tables)
        }
        const events = run.tables.events.slice(told).map(({ type, data }) => ({ type, data }) as unknown as JournalEvent)
        heard(new Map([[commonsSpace, events]]))
        if (what === 'revise') {
          run.tables = before
          heard(new Map([[commonsSpace, [{ type: 'operation.revised', data: {} } as unknown as JournalEvent]]]))
        }
        for (const viewer of ['node', { own: dids[1] as Did }] satisfies Viewer[]) {
          for (const one of dids) {
            const fresh = trustGraphs.map((name) => trustIn(run.tables, trust.perspectiveOf(viewer), one, name, run.at[0]).score)
            assert.deepEqual(Object.values(trust.answer(viewer, one).scores), fresh)
          }
        }
      }
      assert.deepEqual(checkTrust(run.tables), [])
    }),
    { numRuns: 100 },
  )
  assert.ok(hits > 100, 'nothing was ever remembered')
})
