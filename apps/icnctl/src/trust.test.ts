import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { codes, type Did, didOfKey } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Place, type Ran } from './fixture.ts'
import { permille } from './values.ts'

let place: Place
let ben: Did
let chen: Did

const as = (name: string, ...args: string[]): Promise<Ran> => place.run(['--as', name, ...args])
const coded = (ran: Ran, code: number): Ran => {
  assert.equal(ran.code, code, `${ran.out}\n${ran.err}`)
  return ran
}

before(async () => {
  place = await Place.open(undefined, [didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(1)).publicKey)])
  ;[, ben, chen] = (await Promise.all([place.addKey('ada', 1, 'Ada'), place.addKey('ben', 2, 'Ben'), place.addKey('chen', 3, 'Chen')])) as [Did, Did, Did]
})
after(() => place.close())

it('reads a weight as thousandths or as a part of a whole', () => {
  for (const [text, value] of [
    ['0', 0],
    ['800', 800],
    ['1000', 1_000],
    ['1', 1],
    ['0.8', 800],
    ['0,85', 850],
    ['0.125', 125],
    ['0.0', 0],
    ['1.0', 1_000],
  ] as const)
    assert.equal(permille(text, 'weight'), value, text)
  for (const text of ['1001', '1.1', '1.001', '-1', '.5', '0.', '0.1234', 'much', '', '1e2']) assert.throws(() => permille(text, 'weight'), text)
})

it('sets an edge after a look at what it does, lists and shows it, and takes it back', async () => {
  const dry = coded(await as('ada', 'trust', 'set', ben, '0.8', '--dry-run', '--json'), 0).json
  assert.deepEqual([dry.outcome, dry.value.score_before, dry.value.score_after], ['simulated', 0, 560])
  const shown = coded(await as('ada', 'trust', 'set', ben, '0.8', '--dry-run'), 0).out
  assert.match(shown, /Score before\s+0\n\s+Score after\s+560\n\s+Class before\s+isolated\n\s+Class after\s+partner/)
  const set = coded(await as('ada', 'trust', 'set', ben, '0.8', '--graph', 'social', '--until', '+30d'), 0)
  assert.match(set.err, /Everybody can read that you rely on did:icn:\S+ \(social, 800 of 1000\)/)
  assert.match(set.out, /Score after\s+560/)
  assert.match(coded(await as('ada', 'trust', 'list'), 0).out, /social\s+Ben\s+800/)
  assert.equal(coded(await as('ben', 'trust', 'list', '--of', dry.value.edge.issuer, '--json'), 0).json.items.length, 1)
  assert.equal(coded(await as('ada', 'trust', 'show', ben, '--json'), 0).json.class, 'partner')
  assert.equal(coded(await as('ada', 'trust', 'graph', '--json'), 0).json.edges[0].weight, 800)
  const told = coded(await as('ada', '--lang', 'es', 'trust', 'explain', ben), 0)
  assert.match(told.out, /^Social: 560 = ⌊700 · 800 \/ 1000⌋\.$/m)
  assert.match(told.out, /^Cuenta como 560 = ⌊max\(560, 0\) · 1000 \/ 1000⌋: socio\.$/m)
  assert.deepEqual(coded(await as('ada', 'trust', 'end', ben, '--json'), 0).json.value.ended, ['social'])
  assert.equal(coded(await as('ada', 'trust', 'end', ben, '--json'), 0).json.outcome, 'already_done')
  const stranger = coded(await as('ben', 'trust', 'set', chen, '500', '--json'), 4)
  assert.equal(stranger.json.code, 'NO_STANDING')
  assert.ok(stranger.err.includes(codes.NO_STANDING.en))
})

it('pins and unpins as the operator of the machine', async () => {
  assert.equal(coded(await place.run(['trust', 'pin', chen, '0.9', '--note', 'Our baker', '--json']), 0).json.permille, 900)
  assert.match(coded(await place.run(['trust', 'pins']), 0).out, /900\s+Our baker/)
  assert.equal(coded(await place.run(['trust', 'show', chen, '--perspective', 'node', '--json']), 0).json.effective, 900)
  coded(await place.run(['trust', 'unpin', chen]), 0)
  assert.match(coded(await place.run(['trust', 'pins']), 0).out, /icnctl trust pin DID N/)
})
