import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dayMs, Person, TestNode } from './harness.ts'

/** Trust on one node, by each door: edges set, listed, explained and ended, over a restart; the operator's own numbers. */

const startsAt = Date.UTC(2026, 10, 21, 12)

const doors: readonly (readonly [name: string, person: (node: TestNode, name: string) => Person])[] = [
  ['REST', (node, name) => new Person(node, name)],
  ['JSON-RPC', (node, name) => new Person(node, name, (at) => at.rpc)],
]

for (const [name, person] of doors)
  describe(`trust by ${name}`, () => {
    test('an edge is set, listed, scored, explained and ended, with a restart in between', async () => {
      const node = await TestNode.start({ startsAt, stewards: ['Ada', 'Ben'] })
      const [ada, ben] = [person(node, 'Ada'), person(node, 'Ben')]
      const stranger = new Person(node, 'Dee')
      try {
        const said = { subject: ben.did, weight: 800, labels: ['bakes bread'], evidence: [{ type: 'met' }], note: 'From next door' }
        const quiet = node.print()
        const dry = await ada.ask('trust.edge.set', said, { draft: true, dryRun: true })
        assert.ok(dry.ok, JSON.stringify(dry.body))
        assert.deepEqual([dry.body.outcome, dry.body.value.score_before, dry.body.value.score_after], ['simulated', 0, 560])
        assert.match(dry.body.warnings[0].text, /^Everybody can read that you rely on did:icn:\S+ \(social, 800 of 1000\) until 2027-11-21T12:/)
        assert.equal(node.print(), quiet, 'a dry run wrote something')

        const { value } = await ada.must('trust.edge.set', said, { key: 'first' })
        assert.deepEqual([value.class_before, value.class_after, value.edge.expires_at], ['isolated', 'partner', '2027-11-21T12:00:00.000Z'])
        await ben.must('trust.edge.set', { subject: stranger.did, weight: 1_000, graph: 'economic' })
        await ada.must('trust.edge.set', { subject: ben.did, weight: 1_000, graph: 'economic', expires_at: new Date(startsAt + 10 * dayMs).toISOString() })
        assert.equal((await ada.write('trust.edge.set', { ...said, base: value.edge.set_op })).body.outcome, 'already_done')
        const refused = await stranger.write('trust.edge.set', said)
        assert.deepEqual([refused.status, refused.code], [403, 'NO_STANDING'])
        assert.equal((await ada.write('trust.edge.set', { ...said, subject: ada.did })).code, 'TRUST_SELF')

        const listed = async (who: Person, filter: object): Promise<readonly string[]> =>
          (await who.read('trust.edge.list', { ...filter })).items.map(
            (edge: { graph: string; weight: number; expired: boolean }) => `${edge.graph} ${edge.weight}${edge.expired ? ' over' : ''}`,
          )
        assert.deepEqual(await listed(ada, {}), ['economic 1000', 'social 800'])
        assert.deepEqual(await listed(stranger, { subject: ben.did, graph: 'social' }), ['social 800'], 'edges are public')
        assert.deepEqual(await listed(ben, { issuer: ada.did, subject: ben.did }), ['economic 1000', 'social 800'])
        const first = await ada.read('trust.edge.list', { limit: 1 })
        assert.deepEqual((await ada.read('trust.edge.list', { limit: 1, cursor: first.next_cursor })).items[0].graph, 'social')

        await node.restart()
        const score = await ada.read('trust.score', { subject: ben.did })
        assert.deepEqual([score.scores, score.combined, score.class], [{ social: 560, economic: 800, technical: null }, 650, 'partner'])
        const far = await ada.read('trust.score', { subject: stranger.did })
        assert.deepEqual([far.scores.economic, far.combined, far.class], [200, 120, 'known'])
        const explained = await ada.read('trust.explain', { subject: stranger.did })
        const [hop] = explained.graphs.find(({ graph }: { graph: string }) => graph === 'economic').hops
        assert.deepEqual([hop.did, hop.held_by, hop.held, hop.weight, hop.product], [ben.did, ada.did, 1_000, 1_000, 1_000_000])
        const around = await ada.read('trust.graph', {})
        assert.deepEqual([around.edges.length, around.more], [2, false])

        node.now += 11 * dayMs
        assert.deepEqual(await listed(ada, {}), ['economic 1000 over', 'social 800'])
        assert.deepEqual((await ada.read('trust.score', { subject: ben.did })).combined, 560)
        assert.deepEqual((await ada.read('trust.score', { subject: stranger.did })).combined, 0)

        const ended = await ada.must('trust.edge.end', { did: ben.did })
        assert.deepEqual([ended.value.ended, ended.value.score_before, ended.value.score_after], [['social', 'economic'], 560, 0])
        assert.equal((await ada.write('trust.edge.end', { did: ben.did })).body.outcome, 'already_done')
        assert.deepEqual(await listed(ada, {}), [])
        await node.healthy()
      } finally {
        for (const one of [ada, ben, stranger]) await one.dispose()
        await node.dispose()
      }
    })
  })

test('the operator pins a number, which wins in the node’s view over restarts and is nobody else’s business', async () => {
  const node = await TestNode.start({ startsAt, stewards: ['Ada', 'Ben'] })
  try {
    const ada = new Person(node, 'Ada')
    const ben = new Person(node, 'Ben')
    const operator = { token: node.at.operatorToken }
    const ask = (method: Parameters<Person['ask']>[0], input: object = {}) => node.rpc.ask(method, { ...input }, operator)
    const pinned = await ask('trust.pin.set', { did: ben.did, permille: 900, note: 'Our baker' })
    assert.deepEqual([pinned.body.permille, pinned.body.note, pinned.body.set_at], [900, 'Our baker', '2026-11-21T12:00:00.000Z'])
    assert.equal((await ask('trust.pin.set', { did: ben.did, permille: 1_001 })).code, 'INPUT_INVALID')
    await node.restart()
    Object.assign(operator, { token: node.at.operatorToken })
    const seen = (await ask('trust.score', { subject: ben.did })).body
    assert.deepEqual([seen.perspective, seen.pin, seen.combined, seen.effective, seen.class, seen.seen], ['node', 900, 0, 900, 'federated', true])
    assert.equal((await ask('trust.explain', { subject: ben.did })).body.pin_note, 'Our baker')
    assert.deepEqual((await ask('trust.score', { subject: node.at.did, space: 'commons' })).body.effective, 1_000, 'the node itself')
    const own = await ada.read('trust.score', { subject: ben.did })
    assert.deepEqual([own.perspective, own.pin, own.effective], ['own', null, 0])
    assert.equal((await ada.ask('trust.score', { subject: ben.did, perspective: 'node' })).code, 'OPERATOR_ONLY')
    for (const method of ['trust.pin.list', 'trust.pin.remove', 'trust.pin.set'] as const)
      assert.equal(
        (await ada.ask(method, { ...(method === 'trust.pin.list' ? {} : { did: ben.did }), ...(method === 'trust.pin.set' ? { permille: 1 } : {}) })).code,
        'OPERATOR_ONLY',
      )
    assert.equal((await ada.read('trust.score', { subject: node.at.did, space: 'commons' })).floor, 600)
    assert.equal((await ada.ask('trust.score', { subject: ben.did, space: 'coop:none' })).code, 'NOT_FOUND')
    const list = (await ask('trust.pin.list')).body.items
    assert.deepEqual(
      list.map(({ did }: { did: string }) => did),
      [ben.did],
    )
    assert.equal((await ask('trust.pin.remove', { did: ben.did })).body.permille, 900)
    assert.equal((await ask('trust.pin.remove', { did: ben.did })).code, 'NOT_FOUND')
    assert.deepEqual((await ask('trust.pin.list')).body.items, [])
    const nobody = await node.rest.ask('trust.score', { subject: ben.did })
    assert.equal(nobody.code, 'UNAUTHENTICATED')
    await node.healthy()
  } finally {
    await node.dispose()
  }
})

test('an edge is told to everybody who listens, and counted', async () => {
  const node = await TestNode.start({ startsAt, stewards: ['Ada'] })
  try {
    const ada = new Person(node, 'Ada')
    const chen = new Person(node, 'Chen')
    await ada.must('trust.edge.set', { subject: chen.did, weight: 10, graph: 'technical' })
    await ada.must('trust.edge.end', { did: chen.did })
    const page = await chen.read('event.page', { topics: ['trust:updates'], spaces: ['commons'] })
    const types = page.events.map(({ type, data }: { type: string; data: { subject: string } }) => [type, data.subject === chen.did])
    assert.deepEqual(types, [
      ['icn.trust.edge_set', true],
      ['icn.trust.edge_ended', true],
    ])
    const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
    assert.match(text, /^icn_trust_edges_set_total\{graph="technical"\} 1$/m)
    assert.match(text, /^icn_trust_edges 0$/m)
  } finally {
    await node.dispose()
  }
})
