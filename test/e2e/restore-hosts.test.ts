import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { personNamed } from '../../apps/icnd/src/dev/people.ts'
import { at } from './conflict.ts'
import { freePort, until } from './harness.ts'

/** An old archive put back at a host while another host goes on: nothing is signed twice, and what came after the archive comes from there. */

const food = 'coop:food'

async function open(t: TestContext): Promise<DevNetwork> {
  const root = mkdtempSync(join(tmpdir(), 'icn-restore-'))
  const ports = new Map<string, number>()
  for (const door of ['gateway', 'rpc', 'metrics', 'network']) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({
    root,
    told: () => {},
    port: (door, index) => ports.get(door + index) as number,
    flags: { 'gateway.rate_permille': '1000000', 'snapshot.auto': 'false', 'network.have_interval_secs': '5' },
  })
  t.after(async () => {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  })
  await network.open()
  return network
}

async function ask(network: DevNetwork, index: number, method: string, params: object): Promise<any> {
  const token = readFileSync(join(network.folder(index), 'operator.token'), 'utf8').trim()
  const answer = await fetch(`${network.nodes[index]?.rpc}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = (await answer.json()) as { result?: any; error?: any }
  return result ?? error
}

async function job(network: DevNetwork, index: number, method: string, params: object): Promise<any> {
  const started = await ask(network, index, method, params)
  assert.ok(started?.id, JSON.stringify(started))
  return until(
    `the end of ${method}`,
    async () => {
      const found = await ask(network, index, 'job.get', { id: started.id })
      return found.state === 'running' || found.state === 'queued' ? undefined : found
    },
    60_000,
  )
}

it('a host whose space was put back from an old archive catches up with the other one, and nothing is signed twice', { timeout: 240_000 }, async (t) => {
  const network = await open(t)
  const [hana, jona] = [at(network, 0, 'Hana'), at(network, 1, 'Jona')]
  const spaceAt = (icn: typeof hana) => icn.space.get({ space: food })
  const isSynced = async () => (await spaceAt(hana)).sync === 'synced' && (await spaceAt(jona)).sync === 'synced'
  await until('the nodes to have met', isSynced, 120_000)
  assert.equal((await ask(network, 0, 'snapshot.create', { space: food })).outcome, 'complete')
  const file = join(network.folder(0), 'old.icnsnap')
  const made = await job(network, 0, 'snapshot.archive', { space: food, out: file })
  assert.equal(made.state, 'done', JSON.stringify(made))
  // Both people and the node itself go on: its own key signs the next certificate.
  await hana.coop.updateProfile({ coop_id: 'food', did: personNamed('Hana').did, name: 'Hana of the oven' })
  await jona.coop.updateProfile({ coop_id: 'food', did: personNamed('Jona').did, name: 'Jona of the cart' })
  assert.equal((await ask(network, 0, 'snapshot.create', { space: food })).outcome, 'complete')
  await until('both to have it', isSynced, 60_000)
  const there = (await spaceAt(jona)).head
  const dry = await job(network, 0, 'snapshot.restore', { file, dry_run: true })
  assert.ok(dry.result.lost_or_late >= 3, JSON.stringify(dry))
  const restored = await job(network, 0, 'snapshot.restore', { file, replace: true, confirm_space: food })
  assert.equal(restored.state, 'done', JSON.stringify(restored))
  await until('it to have caught up', async () => JSON.stringify((await spaceAt(hana)).head) === JSON.stringify(there), 60_000)
  await until('both to say so', isSynced, 60_000)
  // It signs again, and the two still agree on everything.
  await until(
    'it to sign again',
    async () => {
      await jona.coop.updateProfile({ coop_id: 'food', did: personNamed('Jona').did, name: `Jona at ${Date.now()}` })
      return (await ask(network, 0, 'snapshot.create', { space: food })).outcome === 'complete'
    },
    60_000,
  )
  await until('both to have that', async () => JSON.stringify((await spaceAt(hana)).checkpoint) === JSON.stringify((await spaceAt(jona)).checkpoint), 60_000)
  assert.equal((await hana.coop.getMember({ coop_id: 'food', did: personNamed('Jona').did })).name.startsWith('Jona at'), true)
  for (const index of [0, 1]) {
    const { items } = await ask(network, index, 'quarantine.list', { space: food })
    assert.deepEqual(items ?? [], [], `nothing is in the quarantine of ${index}`)
  }
})
