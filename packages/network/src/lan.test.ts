import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { it } from 'node:test'
import { rangeOf } from './dial-filter.ts'
import { freshSeed, TestHost, until } from './host-fixture.ts'

const everywhere = '/ip4/0.0.0.0/tcp/0'

/** Why nodes in one house cannot be tried out on this machine. */
async function obstacle(): Promise<string | false> {
  const home = Object.values(networkInterfaces())
    .flat()
    .some((address) => address !== undefined && rangeOf(address.address) === 'private')
  if (!home) return 'no address of a house'
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  return new Promise((resolve) => {
    const end = (why: string | false): void => {
      socket.close()
      resolve(why)
    }
    socket.once('error', () => end('no multicast'))
    socket.bind(5353, () => {
      try {
        socket.addMembership('224.0.0.251')
        socket.send('', 5353, '224.0.0.251', (error) => end(error === null ? false : 'no multicast'))
      } catch {
        end('no multicast')
      }
    })
  })
}

it('nodes of one network in one house find each other by name, those of another name are not heard, and nothing is proven by it', {
  skip: process.env['CI'] !== 'true' && (await obstacle()),
}, async () => {
  const found: string[] = []
  const open = (name: string, tag: string) =>
    TestHost.open({ seed: freshSeed(), listen: [everywhere], lan: { tag, found: (peer, addresses) => void found.push(`${name} ${peer} ${addresses.join()}`) } })
  const tag = `icn-test${process.pid}`
  await using one = await open('one', tag)
  await using other = await open('other', `${tag}x`)
  await using two = await open('two', tag)
  await until('them to hear of each other', () => found.some((text) => text.startsWith('two ') && text.includes(one.host.did)))
  assert.ok(found.every((text) => !text.includes(other.host.did) && !text.startsWith('other')))
  assert.ok(
    found.every((text) => !text.includes('127.0.0.1') && !text.includes('/p2p/')),
    found.join('\n'),
  )
  assert.deepEqual(
    [one, two].flatMap(({ host }) => host.peers()),
    [],
    'nobody is dialled by libp2p itself',
  )
})
