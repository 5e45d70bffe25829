import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { personNamed } from '../../apps/icnd/src/dev/people.ts'
import { at } from './conflict.ts'
import { freePort, until } from './harness.ts'

/** Hosts of a cooperative, each a process of its own, make what was done final together. */

const food = 'coop:food'

async function open(t: TestContext): Promise<DevNetwork> {
  const root = mkdtempSync(join(tmpdir(), 'icn-snapshot-'))
  const ports = new Map<string, number>()
  for (const door of ['gateway', 'rpc', 'metrics', 'network']) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({
    root,
    told: () => {},
    port: (door, index) => ports.get(door + index) as number,
    flags: { 'gateway.rate_permille': '1000000', 'snapshot.auto': 'false' },
  })
  t.after(async () => {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  })
  await network.open()
  return network
}

/** What the operator of a node is answered. */
async function ask(network: DevNetwork, index: number, method: string, params: object): Promise<any> {
  const token = readFileSync(join(network.folder(index), 'operator.token'), 'utf8').trim()
  const answer = await fetch(`${network.nodes[index]?.rpc}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return answer.json()
}

/** Each scope, computed again at both. */
async function verifiedByBoth(network: DevNetwork, snapshot: { snapshot_id: string; root: string; global_state_root: string }): Promise<void> {
  for (const [scope, expected_root, method] of [
    ['record', snapshot.global_state_root, 'record'],
    ['state', snapshot.root, 'leaves'],
  ] as const) {
    const { result } = await ask(network, 0, 'snapshot.verify', { snapshot_id: snapshot.snapshot_id, scope, peers: true })
    assert.deepEqual([result?.valid, result?.expected_root], [2, expected_root])
    for (const one of result.results) assert.deepEqual([one.valid, one.computed_root, one.method], [true, expected_root, method])
  }
}

/** What operators can watch: one event for each step, and counts. */
async function toldToOperators(network: DevNetwork, snapshot_id: string): Promise<void> {
  const { result, error } = await ask(network, 0, 'event.page', { spaces: ['node'], topics: ['snapshot:coordinate'], limit: 200 })
  assert.ok(result, JSON.stringify(error))
  const types = result.events.flatMap((event: any) => (event.data.snapshot_id === snapshot_id ? [event.type] : []))
  assert.deepEqual([types[0], types.at(-1)], ['icn.snapshot.started', 'icn.snapshot.complete'])
  for (const step of ['marker', 'united', 'ack']) assert.ok(types.includes(`icn.snapshot.${step}`), step)
  const metrics = await (await fetch(`${network.nodes[0]?.metrics}/metrics`)).text()
  const counted = (series: string): number =>
    Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length),
    )
  for (const series of [
    'icn_snapshot_total{outcome="complete"}',
    'icn_snapshot_duration_seconds_count',
    'icn_snapshot_phase_duration_seconds_count{phase="marking"}',
    'icn_snapshot_state_bytes',
  ])
    assert.ok(counted(series) > 0, series)
  assert.ok(counted('icn_journal_checkpoint_timestamp_seconds') > 0)
  for (const series of ['icn_snapshot_active', 'icn_snapshot_missing_participants', 'icn_snapshot_divergences_total']) assert.equal(counted(series), 0, series)
}

it('two hosts make final together what was written at both, and neither can alone', { timeout: 120_000 }, async (t) => {
  const network = await open(t)
  const [hana, jona] = [at(network, 0, 'Hana'), at(network, 1, 'Jona')]
  const spaceAt = (icn: typeof hana) => icn.space.get({ space: food })
  await until('the nodes to have met', async () => (await spaceAt(hana)).sync === 'synced' && (await spaceAt(jona)).sync === 'synced', 120_000)
  const before = (await spaceAt(hana)).checkpoint
  await hana.coop.updateProfile({ coop_id: 'food', did: personNamed('Hana').did, name: 'Hana of the oven' })
  await jona.coop.updateProfile({ coop_id: 'food', did: personNamed('Jona').did, name: 'Jona of the cart' })
  const { result, ...rest } = await ask(network, 0, 'snapshot.create', { space: food })
  assert.equal(result?.outcome, 'complete', JSON.stringify({ result, rest }))
  const { snapshot } = result
  assert.deepEqual([snapshot.hosts_confirmed, snapshot.hosts_count, snapshot.missing, snapshot.few_witnesses], [2, 2, [], true])
  assert.match(snapshot.says, /^Confirmed by 2 of 2 hosts; fewer than three independent witnesses/)
  assert.deepEqual(
    snapshot.phases.map(({ phase }: { phase: string }) => phase),
    ['marking', 'uniting', 'rooting', 'acking', 'certifying', 'complete'],
  )
  const after = (await spaceAt(hana)).checkpoint
  assert.notDeepEqual(after, before)
  await until('the other host to know it', async () => JSON.stringify((await spaceAt(jona)).checkpoint) === JSON.stringify(after), 30_000)
  assert.deepEqual((await ask(network, 0, 'snapshot.create', { space: food })).result, { outcome: 'nothing_to_do', snapshot: null })
  const kept = await hana.snapshot.get({ snapshot_id: snapshot.snapshot_id })
  assert.deepEqual({ ...kept, meta: undefined }, { ...snapshot, meta: undefined }, 'a member may look at it')
  await verifiedByBoth(network, snapshot)
  await toldToOperators(network, snapshot.snapshot_id)
  const every = { space: food, checkpoint_every_secs: 45 }
  assert.equal((await ask(network, 1, 'snapshot.schedule.set', every)).result?.own, true)

  await network.kill('1')
  await hana.coop.updateProfile({ coop_id: 'food', did: personNamed('Hana').did, name: 'Hana of the bakery' })
  await until('the node to know that it is alone', async () => (await spaceAt(hana)).sync === 'alone', 60_000)
  const { error } = await ask(network, 0, 'snapshot.create', { space: food })
  assert.equal(error?.data?.code, 'SNAPSHOT_INSUFFICIENT_PARTICIPANTS', JSON.stringify(error))
  assert.match(JSON.stringify(error), /Insufficient participants: 1 < 2/)
  await network.start('1')
  await until('them to have met again', async () => (await spaceAt(hana)).sync === 'synced', 120_000)
  await wait(1_000)
  // What the other host remembers has survived its death.
  assert.equal((await ask(network, 1, 'snapshot.schedule.get', { space: food })).result.checkpoint_every_secs, 45)
  const listed = (await ask(network, 1, 'snapshot.list', { space: food })).result.items
  assert.deepEqual([listed.at(-1).snapshot_id, listed.at(-1).state, listed.at(-1).root], [snapshot.snapshot_id, 'complete', snapshot.root])
  const again = await ask(network, 1, 'snapshot.create', { space: food })
  assert.equal(again.result?.outcome, 'complete', JSON.stringify(again))
  await until('both to know it', async () => JSON.stringify((await spaceAt(jona)).checkpoint) === JSON.stringify((await spaceAt(hana)).checkpoint), 30_000)
})
