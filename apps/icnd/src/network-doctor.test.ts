import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LadderOutcome, RungOutcome } from '@icn/network'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import { type NetworkFacts, networkFindings } from './network-doctor.ts'
import { Sightings } from './sightings.ts'

const oak = 'did:icn:oak' as Did
const ash = 'did:icn:ash' as Did
const food = 'coop:food' as SpaceId
const own = { network: 'net-a' as OperationId, rules: [['v1', Uint8Array.of(1)]], release: '1.0.0' } as const
const hello = (more: object) => ({ network_id: 'net-a', rules: [['v1', Uint8Array.of(1)]], release: '1.0.0', ...more }) as never

const bare: NetworkFacts = {
  startedAt: 0,
  addresses: ['/ip4/192.0.2.7/tcp/7777'],
  unusable: [],
  firstContacts: [],
  wanted: [],
  ready: [],
  cohosts: new Map(),
  awaited: [],
  isWithoutCommons: false,
  own,
  troubles: [],
  roundTripMs: () => undefined,
  sighting: () => undefined,
  ladder: () => undefined,
  answersOf: () => [],
}
const host = { wanted: [oak], cohosts: new Map([[oak, [food]]]) }
const rung = (outcome: RungOutcome['outcome'], more: Partial<RungOutcome> = {}): RungOutcome => ({
  source: 'public',
  address: '/ip4/192.0.2.8/tcp/7777',
  path: 'direct',
  outcome,
  ms: 1,
  ...more,
})
const ladder = (...rungs: readonly RungOutcome[]): { ladder(): LadderOutcome } => ({
  ladder: () => ({ at: 0, connected: rungs.some(({ outcome }) => outcome === 'connected'), rungs }),
})
const failed = (code: string, theirs?: never) => ({ sighting: () => ({ answers: new Map(), trouble: { code, at: 0, theirs } }) })
const answers = (...codes: readonly (string | undefined)[]) => ({ answersOf: () => codes.map((code, i) => ({ peer: [oak, ash][i] as Did, code, since: 0 })) })

/** Name of the line, the facts, and what it says. */
const faults: readonly (readonly [name: string, state: string, facts: Partial<NetworkFacts>, text: RegExp, fix: RegExp])[] = [
  ['listening', 'warn', { addresses: [] }, /listens nowhere/, /network\.listen_addr/],
  ['first contact', 'ok', {}, /no peer is known/, /network\.bootstrap_peers.*pass create/],
  ['first contact', 'fail', { isWithoutCommons: true }, /no peer is known/, /network\.bootstrap_peers/],
  ['first contact', 'warn', { ...host, ...ladder(rung('late')) }, /1 peers are known, and none answers/, /TCP out to port 7777.*443/],
  ['first contact', 'warn', { ...host, ...ladder(rung('not_admitted')) }, /some answer, and none stays/, /say why/],
  ['first contact', 'warn', { ...host, ...failed('NETWORK_MISMATCH') }, /some answer, and none stays/, /say why/],
  ['bootstrap', 'fail', { unusable: ['oak.example'] }, /names oak\.example, which is no address/, /p2p/],
  ['bootstrap', 'warn', { firstContacts: [oak], wanted: [oak], ...ladder(rung('failed')) }, /not seen since this node started.*nobody answered at \/ip4/, /whether it runs/],
  ['host', 'warn', host, /nobody has said where it is/, /ask its operator for an address/],
  ['host', 'warn', { ...host, ...ladder(rung('failed'), rung('late')) }, /no answer in time/, /drops the connection/],
  ['host', 'warn', { ...host, ...ladder(rung('failed')) }, /nobody answered at .*192\.0\.2\.8/, /whether it runs/],
  ['host', 'warn', { ...host, ...ladder(rung('not_admitted'), rung('failed')) }, /hung up right after the handshake/, /pass/],
  ['host', 'warn', { ...host, ...ladder(rung('refused', { refused: 'range' })) }, /not dialled on others’ word: .*\(range\)/, /dial it yourself/],
  ['host', 'warn', { ...host, ...ladder(rung('connected')) }, /the link has ended since/, /tries again/],
  ['host', 'warn', { ...host, sighting: () => ({ answers: new Map(), lastSeenAt: 60_000 }) }, /last seen at 1970-01-01T00:01:00/, /operator/],
  ['host', 'fail', { ...host, ...failed('NETWORK_MISMATCH', hello({ network_id: 'net-b' })) }, /another network, net-b; this node to net-a/, /network\.json/],
  [
    'host',
    'fail',
    { ...host, ...failed('VERSION_UNSUPPORTED', hello({ rules: [['v0', Uint8Array.of(0)]], release: '0.9.0' })) },
    /release 0\.9\.0 there \(v0\), 1\.0\.0 here \(v1\)/,
    /older/,
  ],
  ['host', 'fail', { ...host, ...failed('RULES_MISMATCH', hello({ rules: [['v1', Uint8Array.of(2)]] })) }, /v1 is 02 there and 01 here/, /same release/],
  ['host', 'warn', { ...host, ...failed('PEER_NOT_TRUSTED') }, /takes no strangers/, /pass create/],
  ['host', 'warn', { ...host, ...failed('PEER_BANNED') }, /banned the other/, /unban/],
  ['host', 'warn', { ...host, ...failed('PASS_EXPIRED') }, /does not take the pass.*PASS_EXPIRED/, /new pass/],
  ['host', 'warn', { ...host, ...failed('HELLO_TIMEOUT') }, /did not greet/, /overloaded/],
  ['host', 'warn', { ...host, ...failed('STOPPING') }, /about to stop/, /comes back/],
  ['host', 'warn', { ...host, ...failed('FRAME_INVALID') }, /not understood \(FRAME_INVALID/, /releases/],
  [
    'greeting',
    'warn',
    { troubles: [[ash, { code: 'NETWORK_MISMATCH', at: 0, theirs: hello({ network_id: 'net-b' }) }]] },
    /ash was here .* another network, net-b/,
    /network\.json/,
  ],
  ['space', 'fail', { ...host, ready: [oak], ...answers('WRONG_GENESIS') }, /oak holds another coop:food/, /ticket/],
  ['space', 'warn', { ...host, ready: [oak], ...answers('SPACE_NOT_PROVEN') }, /oak has not yet heard .* since 1970.*no other host is here/, /bring back the host/],
  [
    'space',
    'warn',
    { cohosts: new Map([oak, ash].map((did) => [did, [food]])), ready: [oak, ash], ...answers('SPACE_NOT_PROVEN', undefined) },
    /oak has not yet heard.*did:icn:ash has/,
    /reach each other/,
  ],
  ['space', 'warn', { awaited: [food] }, /awaited, and nobody is here/, /dial with the ticket/],
  ['space', 'warn', { awaited: [food], ...answers('SPACE_NOT_PROVEN') }, /awaited since 1970.*none of the 1 peers/, /coop host list/],
]

describe('the doctor of the network', () => {
  it('has a sentence and something to do for each fault', () => {
    const texts = new Set<string>()
    for (const [name, state, facts, text, fix] of faults) {
      const found = networkFindings({ ...bare, ...facts }).find((line) => line.name === name)
      assert.equal(found?.state, state, `${name} ${text}`)
      assert.match(found?.text ?? '', text)
      assert.match(found?.fix ?? '', fix)
      texts.add(`${found?.text} ${found?.fix}`)
    }
    // Two states of one fault, and two ways to see that somebody answers.
    assert.equal(texts.size, faults.length - 2)
  })

  it('is content where all is well, and blames no peer that holds nothing of an awaited space once another gives it', () => {
    const well = { ...host, ready: [oak], roundTripMs: () => 12.4 }
    assert.deepEqual(
      networkFindings({ ...bare, ...well }).map(({ name, state }) => [name, state]),
      [
        ['listening', 'ok'],
        ['first contact', 'ok'],
        ['host', 'ok'],
      ],
    )
    assert.match(networkFindings({ ...bare, ...well })[2]?.text ?? '', /oak \(coop:food\) is reached directly, 12 ms away/)
    assert.deepEqual(
      networkFindings({ ...bare, awaited: [food], ...answers('SPACE_NOT_PROVEN', undefined) }).filter(({ name }) => name === 'space'),
      [],
    )
  })
})

describe('what was seen of peers', () => {
  it('a link that ends is remembered, one that greets clears what was wrong before', () => {
    let now = 1
    const seen = new Sightings(() => now)
    seen.greetingFailed(oak, 'HELLO_TIMEOUT', undefined)
    seen.linkChanged(oak, 'closed')
    assert.deepEqual([seen.of(oak)?.lastSeenAt, seen.of(oak)?.trouble?.code, seen.troubles.length], [undefined, 'HELLO_TIMEOUT', 1])
    seen.linkChanged(oak, 'ready')
    assert.deepEqual([seen.of(oak)?.trouble, seen.troubles.length], [undefined, 0])
    seen.answered(oak, food, 'SPACE_NOT_PROVEN')
    now = 2
    seen.answered(oak, food, 'SPACE_NOT_PROVEN')
    assert.deepEqual(seen.answersOf(food), [{ peer: oak, code: 'SPACE_NOT_PROVEN', since: 1 }])
    seen.answered(oak, food, undefined)
    assert.deepEqual(seen.answersOf(food), [{ peer: oak, code: undefined, since: 2 }])
    now = 3
    seen.linkChanged(oak, 'closed')
    assert.deepEqual([seen.of(oak)?.lastSeenAt, seen.answersOf(food)], [3, []])
  })

  it('a thousand peers are remembered, and those that are here before all', () => {
    const seen = new Sightings(() => 0)
    seen.linkChanged(oak, 'ready')
    for (let i = 0; i < 1_500; i++) seen.greetingFailed(`did:icn:${i}` as Did, 'HELLO_TIMEOUT', undefined)
    assert.ok(seen.of(oak))
    assert.equal(seen.troubles.length, 999)
    assert.equal(seen.of('did:icn:0' as Did), undefined)
  })
})
