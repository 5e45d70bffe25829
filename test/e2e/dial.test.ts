import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { Did } from '@icn/protocol'
import { TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** What an operator who dials is told, when one of the two nodes does not let the other in. */

const listening = { 'network.listen_addr': '127.0.0.1:0', 'network.dial_loopback': 'true' }
const operator = (node: TestNode) => ({ token: node.at.operatorToken })

/** A node of the first one's network that knows nobody; or the first one. */
async function open(t: TestContext, first?: TestNode, flags: Readonly<Record<string, string>> = {}): Promise<TestNode> {
  const node = new TestNode({ flags: { ...listening, ...flags }, startsAt: first?.now ?? Date.now() })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: [] }))
  await node.open()
  return node
}

const addressOf = (node: TestNode): string => placesOf(node)[0] as string

interface Told {
  readonly code: string | undefined
  readonly status: number
  readonly outcomes: readonly string[]
}

async function dial(node: TestNode, target: string): Promise<Told> {
  const { ok, code, status, body } = await node.rpc.ask('network.dial', { target }, operator(node))
  const rungs: readonly { readonly outcome: string }[] = (ok ? body.ladder.rungs : body.params.rungs) ?? []
  return { code, status, outcomes: rungs.map(({ outcome }) => outcome) }
}

const ban = (node: TestNode, did: Did) => node.rpc.ask('network.peer.ban', { did, secs: 3_600, reason: 'Floods us' }, operator(node))

it('a node that this one has banned, or that has banned this one, is not reached, and the caller sees which', async (t) => {
  const one = await open(t)
  const two = await open(t, one)
  assert.ok((await ban(one, two.at.did)).ok)
  assert.deepEqual(await dial(one, addressOf(two)), { code: 'PEER_BANNED', status: 403, outcomes: [] }, 'nothing was tried')
  assert.deepEqual(await dial(two, addressOf(one)), { code: 'PEER_NOT_TRUSTED', status: 403, outcomes: ['not_admitted'] }, 'whoever is banned is not told more')
  assert.ok((await one.rpc.ask('network.peer.unban', { did: two.at.did }, operator(one))).ok)
  assert.deepEqual(await dial(two, addressOf(one)), { code: undefined, status: 200, outcomes: ['connected'] })
})

it('where there are as many links or guests as there may be, the caller is told that', async (t) => {
  const one = await open(t)
  const two = await open(t, one)
  for (const [flags, code] of [
    [{ 'limits.peers_count': '1' }, 'PEERS_FULL'],
    [{ 'network.guests_count': '1' }, 'GUESTS_FULL'],
  ] as const) {
    const full = await open(t, one, flags)
    assert.equal((await dial(full, addressOf(one))).code, undefined)
    assert.deepEqual(await dial(full, addressOf(two)), { code, status: 503, outcomes: [] })
    const { body } = await full.rpc.ask('network.peer.list', {}, operator(full))
    assert.deepEqual(
      body.items.map(({ did }: { did: Did }) => did),
      [one.at.did],
    )
  }
})

it('a pass whose time is over, by either clock, or that others have used up, is named', async (t) => {
  const one = await open(t)
  const [two, three, late] = [await open(t, one), await open(t, one), await open(t, one)]
  const made = async (input: Readonly<Record<string, unknown>>): Promise<string> => (await one.rpc.ask('network.pass.create', input, operator(one))).body.pass
  const once = await made({ uses: 1, hours: 1 })
  assert.equal((await dial(two, once)).code, undefined)
  assert.deepEqual(await dial(three, once), { code: 'PASS_USED_UP', status: 410, outcomes: ['connected'] })
  await until('it to be gone', () => three.at.network?.status().links.length === 0)
  const short = await made({ uses: 5, hours: 1 })
  one.now += 2 * 3_600_000
  assert.deepEqual(await dial(late, short), { code: 'PASS_EXPIRED', status: 410, outcomes: ['connected'] })
  late.now += 2 * 3_600_000
  assert.deepEqual(await dial(late, short), { code: 'PASS_EXPIRED', status: 410, outcomes: [] }, 'nobody has to be asked')
})

it('a node of another network is reached, and does not greet', async (t) => {
  const one = await open(t)
  const other = await open(t)
  assert.deepEqual(await dial(one, addressOf(other)), { code: 'NETWORK_MISMATCH', status: 409, outcomes: ['connected'] })
})
