import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { at } from './conflict.ts'
import { freePort, until } from './harness.ts'

/** What becomes final, and how people get there, when a host is gone for good: nodes that are processes of their own. */

const food = 'coop:food'

async function open(t: TestContext): Promise<DevNetwork> {
  const root = mkdtempSync(join(tmpdir(), 'icn-finality-'))
  const ports = new Map<string, number>()
  for (const door of ['gateway', 'rpc', 'metrics', 'network']) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({
    root,
    told: () => {},
    port: (door, index) => ports.get(door + index) as number,
    flags: { 'gateway.rate_permille': '1000000', 'snapshot.auto': 'false', 'supervisor.metrics_update_interval_secs': '1' },
  })
  t.after(async () => {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  })
  await network.open()
  return network
}

/** What the operator of the first node is answered. */
async function ask(network: DevNetwork, method: string, params: object): Promise<any> {
  const token = readFileSync(join(network.folder(0), 'operator.token'), 'utf8').trim()
  const answer = await fetch(`${network.nodes[0]?.rpc}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return answer.json()
}

it('of two hosts one is gone for good: people see it, stewards remove it, and a week later things become final again', { timeout: 120_000 }, async (t) => {
  const network = await open(t)
  const ana = at(network, 0, 'Ana')
  const spaceAt = () => ana.space.get({ space: food })
  const jona = at(network, 1, 'Jona')
  await until('the nodes to have met', async () => (await spaceAt()).sync === 'synced' && (await jona.space.get({ space: food })).sync === 'synced', 120_000)
  const both = (await spaceAt()).finality
  assert.deepEqual([both?.needed, both?.hosts_count, both?.here, both?.missing, both?.enough, both?.shrinking], [2, 2, 2, [], true, null])
  assert.match(both?.says ?? '', /^Both hosts must sign/)
  const gone = network.nodes[1]?.did as string

  // From here on both are hosts of the last cut.
  const first = await ask(network, 'snapshot.create', { space: food })
  assert.equal(first.result?.outcome, 'complete', JSON.stringify(first))

  await network.kill('1')
  const alone = await until(
    'the other host to be missed',
    async () => {
      const { finality } = await spaceAt()
      return finality?.enough === false ? finality : undefined
    },
    60_000,
  )
  assert.deepEqual([alone.missing, alone.here], [[gone], 1])
  assert.match(alone.says, /Missing now: \S+\. Work goes on, nothing becomes final until it is back\./)
  const status = (await ask(network, 'node.status', {})).result.spaces.find(({ space }: { space: string }) => space === food)
  assert.deepEqual(status.finality, alone, 'the operator reads the same words')

  const { value } = await ana.coop.host.remove({ coop_id: 'food', did: gone as never, reason: 'It burnt' })
  const act = (value as { act?: { act_id: string } }).act
  if (act !== undefined) await at(network, 0, 'Ben').act.confirm({ space: food, operation_id: act.act_id as never })
  const shrinking = (await spaceAt()).finality
  assert.deepEqual([shrinking?.shrinking?.hosts, shrinking?.needed], [[gone], 2], 'it is needed for a week')
  assert.match(shrinking?.says ?? '', /The host set is shrinking: .* each side of a lasting split could do so/)
  const told = await until('the operator to be told', async () => {
    const { events } = (await ask(network, 'event.page', { spaces: ['node'], topics: ['space:status'], limit: 50 })).result
    return events.find(({ type }: { type: string }) => type === 'icn.space.host_set_shrinking')
  })
  assert.deepEqual([told.data.space, told.data.hosts, told.data.until_at], [food, [gone], shrinking?.shrinking?.until_at])
  const gauge = async () => /^icn_snapshot_host_sets_shrinking (\d)$/m.exec(await (await fetch(`${network.nodes[0]?.metrics}/metrics`)).text())?.[1]
  await until('the measure to be taken', async () => (await gauge()) === '1')
  assert.equal((await ask(network, 'snapshot.create', { space: food })).error?.data?.code, 'SNAPSHOT_INSUFFICIENT_PARTICIPANTS')

  await network.clock('+8d')
  const { result, error } = await ask(network, 'snapshot.create', { space: food })
  assert.equal(result?.outcome, 'complete', JSON.stringify(error))
  assert.deepEqual([result.snapshot.hosts_confirmed, result.snapshot.hosts_count], [1, 1])
  const after = (await ask(network, 'node.status', {})).result.spaces.find(({ space }: { space: string }) => space === food).finality
  assert.deepEqual([after.hosts_count, after.needed, after.enough, after.shrinking], [1, 1, true, null])
  await until('the alert to end', async () => (await gauge()) === '0')
})
