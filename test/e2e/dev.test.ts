import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { giveOrder, openControl, portOf } from '../../apps/icnd/src/dev/control.ts'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { conflict, gatewayOf, kills } from './conflict.ts'
import { freePort, until } from './harness.ts'

/** Three processes with two coops, and what can be done to them: the development network as its people and its controls see it. */

const doors = ['gateway', 'rpc', 'metrics', 'network'] as const
type DoorName = (typeof doors)[number]

async function open(t: TestContext): Promise<DevNetwork> {
  const root = mkdtempSync(join(tmpdir(), 'icn-devnet-'))
  const ports = new Map<string, number>()
  for (const door of doors) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({
    root,
    told: () => {},
    port: (door: DoorName, index: number) => ports.get(door + index) as number,
    flags: { 'gateway.rate_permille': '1000000' },
  })
  t.after(async () => {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  })
  await network.open()
  return network
}

it('three processes under load part, change the same things, lose one to a kill, and end equal; losers are told', { timeout: 400_000 }, async (t) => {
  const network = await open(t)
  await conflict(t, network, { part: () => network.partition('0|1,2'), heal: () => network.heal() })
})

it('any of three nodes may be killed at any time: nobody else stops, nothing acknowledged is lost', { timeout: 500_000 }, async (t) => {
  await kills(t, await open(t), Number(process.env['ICN_CRASHES'] ?? 6), Number(process.env['ICN_SEED'] ?? 11))
})

it('takes orders on loopback, from its own page and command line alone, and says what is wrong with them', { timeout: 180_000 }, async (t) => {
  const network = await open(t)
  const control = await openControl(network, 0)
  t.after(() => control.close())
  const port = portOf(control)
  const give = (name: string, ...args: readonly string[]) => giveOrder(name, args, port)
  const before = Date.now()
  assert.match((await give('clock', '+1mo')).text, /^It is 20/)
  assert.ok(network.now.getTime() > before + 27 * 86_400_000)
  const about = await (await fetch(`${gatewayOf(network, 2)}/v1/about`)).json()
  assert.ok(about)
  for (const [name, args, text] of [
    ['clock', ['tomorrow'], /a step is/],
    ['partition', ['0|0,1'], /every node once/],
    ['partition', ['0,1,2'], /every node once/],
    ['slow', ['2', 'much'], /by how much/],
    ['kill', ['9'], /no node/],
    ['start', ['0'], /runs already/],
    ['nothing', [], /no control/],
    ['constructor', [], /no control/],
  ] as const) {
    const { done, text: said } = await give(name, ...args)
    assert.ok(!done)
    assert.match(said, text)
  }
  assert.match((await give('kill', '2')).text, /2 {2}Ash {2}down/)
  assert.match((await give('disk-full', '0')).text, /disk full/)
  await until('the disk to be full', async () => {
    const metrics = await (await fetch(`${network.nodes[0]?.metrics}/metrics`)).text()
    return metrics.includes('icn_store_read_only 1')
  })
  assert.ok((await give('disk-full', '0', 'off')).done)
  assert.ok((await give('start', '2')).done)
  const order = { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'dev.heal' }) }
  const url = `http://127.0.0.1:${port}/rpc`
  assert.equal((await fetch(url, { ...order, headers: { 'content-type': 'application/json', origin: 'http://elsewhere.example' } })).status, 403)
  assert.equal((await fetch(url, { ...order, headers: { 'content-type': 'text/plain' } })).status, 415)
  assert.equal((await fetch(`http://localhost:${port}/rpc`, { ...order, headers: { 'content-type': 'application/json' } }).catch(() => ({ status: 403 }))).status, 403)
  assert.match(await (await fetch(`http://127.0.0.1:${port}/dev`)).text(), /<button data-order=/)
})
