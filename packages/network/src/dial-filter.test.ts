import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointType } from '@icn/protocol'
import { blockOf } from './addresses.ts'
import { DialFilter, rangeOf } from './dial-filter.ts'
import { endpointsOf } from './records.ts'

const filterAt = (listening: readonly string[], now = () => 0, loopback = false) => new DialFilter({ listening: () => listening, loopback, now })
const outside = ['/ip4/198.18.0.1/tcp/7777/p2p/12D3KooW']

describe('a node that is told where to dial', () => {
  for (const [ip, range] of [
    ['8.8.8.8', 'global'],
    ['45.0.0.1', 'global'],
    ['2606:4700::1111', 'global'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'global'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['203.0.113.5', 'private'],
    ['fd00::1', 'private'],
    ['2001:db8::1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a9fe:a9fe', 'never'],
    ['64:ff9b::a9fe:a9fe', 'never'],
    ['2002:7f00:1::', 'loopback'],
    ['::ffff:10.0.0.1', 'private'],
    ['169.254.169.254', 'never'],
    ['fe80::1', 'never'],
    ['ff02::1', 'never'],
    ['224.0.0.1', 'never'],
    ['255.255.255.255', 'never'],
    ['0.0.0.0', 'never'],
    ['::', 'never'],
    ['1.2.3', 'never'],
    ['256.1.1.1', 'never'],
    ['1::2::3', 'never'],
    ['elm.example', 'never'],
  ] as const)
    it(`knows that ${ip} is ${range}`, () => assert.equal(rangeOf(ip), range))

  const refusal = (address: string, type: EndpointType = 'public', listening = outside) => filterAt(listening).refusal({ type, address })

  it('is never made to knock at its own machine, its house or a name', () => {
    assert.equal(refusal('/ip4/8.8.8.8/tcp/7777'), undefined)
    assert.equal(refusal('/ip4/8.8.8.8/tcp/443/ws'), undefined)
    assert.equal(refusal('/ip4/127.0.0.1/tcp/5601'), 'range')
    assert.equal(refusal('/ip4/127.0.0.1/tcp/5601', 'lan'), 'range')
    assert.equal(refusal('/ip4/169.254.169.254/tcp/80', 'lan'), 'range')
    assert.equal(refusal('/ip6/::ffff:127.0.0.1/tcp/7777', 'lan'), 'range')
    assert.equal(refusal('/ip4/192.168.1.1/tcp/7777'), 'range')
    assert.equal(refusal('/ip4/192.168.1.1/tcp/7777', 'lan'), undefined)
    assert.equal(refusal('/ip4/8.8.8.8/tcp/22'), 'port')
    assert.equal(refusal('/ip4/8.8.8.8/tcp/70000'), 'port')
    assert.equal(refusal('/ip4/198.18.0.1/tcp/7777', 'lan'), 'self')
    for (const address of [
      '/dns4/elm.example/tcp/7777',
      '/ip4/8.8.8.8/udp/7777',
      '/ip4/8.8.8.8/tcp/7777/p2p/x/p2p-circuit',
      '/ip4/::1/tcp/7777',
      '/ip4/8.8.8.8/tcp/7777/tls/ws',
      'x',
    ])
      assert.equal(refusal(address), 'form', address)
    assert.equal(filterAt(outside).refusal({ type: 'public', address: '/ip4/10.0.0.7/tcp/7777' }, true), undefined, 'its operator allows this peer')
  })

  it('knocks at its own machine only where it is told that nodes are there, and never at itself', () => {
    const here = ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW']
    const filter = filterAt(here, () => 0, true)
    assert.equal(filter.refusal({ type: 'lan', address: '/ip4/127.0.0.1/tcp/4002' }), undefined)
    assert.equal(filter.refusal({ type: 'lan', address: '/ip4/127.0.0.1/tcp/4001' }), 'self')
    assert.equal(filterAt(here).refusal({ type: 'lan', address: '/ip4/127.0.0.1/tcp/4002' }), 'range')
  })

  it('knocks at one address three times a minute at most', () => {
    let now = 0
    const filter = filterAt(outside, () => now)
    const tries = (ip: string, count: number) => Array.from({ length: count }, (_, port) => filter.refusal({ type: 'public', address: `/ip4/${ip}/tcp/${7_777 + port}` }))
    assert.deepEqual(tries('8.8.8.8', 4), [undefined, undefined, undefined, 'rate'])
    assert.deepEqual(tries('8.8.4.4', 1), [undefined])
    now = 60_001
    assert.deepEqual(tries('8.8.8.8', 1), [undefined])
  })

  it('counts blocks of addresses as one owner', () => {
    assert.equal(blockOf('8.8.8.8'), blockOf('8.8.8.9'))
    assert.notEqual(blockOf('8.8.8.8'), blockOf('8.8.9.8'))
    assert.equal(blockOf('2606:4700:1:2::1'), blockOf('2606:4700:1:3::1'))
    assert.notEqual(blockOf('2606:4700:1::1'), blockOf('2606:4700:2::1'))
  })
})

describe('what a node says of where it is', () => {
  const said = (listening: readonly string[], announce: readonly string[] = [], bridges: readonly string[] = [], loopback = false) =>
    endpointsOf({ listening, announce, loopback, bridges: new Set(bridges) }).map(({ type, addr }) => `${type} ${addr}`)

  it('is its addresses, best first, without its own machine and bridges between containers', () => {
    assert.deepEqual(
      said(
        [
          '/ip4/127.0.0.1/tcp/7777/p2p/x',
          '/ip4/8.8.8.8/tcp/7778/ws/p2p/x',
          '/ip4/8.8.8.8/tcp/7777/p2p/x',
          '/ip4/192.168.1.7/tcp/7777/p2p/x',
          '/ip4/172.17.0.1/tcp/7777/p2p/x',
          '/ip6/fe80::1/tcp/7777/p2p/x',
        ],
        ['/dns4/elm.example/tcp/7777'],
        ['172.17.0.1'],
      ),
      ['lan /ip4/192.168.1.7/tcp/7777', 'public /dns4/elm.example/tcp/7777', 'public /ip4/8.8.8.8/tcp/7777', 'ws /ip4/8.8.8.8/tcp/7778/ws'],
    )
    assert.deepEqual(said(['/ip4/127.0.0.1/tcp/7777/p2p/x']), [])
    assert.deepEqual(said(['/ip4/127.0.0.1/tcp/7777/p2p/x'], [], [], true), ['lan /ip4/127.0.0.1/tcp/7777'])
    assert.equal(said(Array.from({ length: 40 }, (_, i) => `/ip4/8.8.8.${i}/tcp/7777/p2p/x`)).length, 16)
  })
})
