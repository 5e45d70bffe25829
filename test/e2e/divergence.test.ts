import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { openSqliteStore } from '@icn/journal'
import { decodeTrusted } from '@icn/protocol'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { personNamed } from '../../apps/icnd/src/dev/people.ts'
import { at } from './conflict.ts'
import { freePort, until } from './harness.ts'

/** Three hosts of a cooperative, each a process of its own: one whose store was altered, and one that was cut off. */

const food = 'coop:food'

async function open(t: TestContext): Promise<DevNetwork> {
  const root = mkdtempSync(join(tmpdir(), 'icn-divergence-'))
  const ports = new Map<string, number>()
  for (const door of ['gateway', 'rpc', 'metrics', 'network']) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({
    root,
    told: () => {},
    port: (door, index) => ports.get(door + index) as number,
    flags: { 'gateway.rate_permille': '1000000', 'snapshot.auto': 'false', 'snapshot.min_participants': '2' },
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

async function counted(network: DevNetwork, index: number, series: string): Promise<number> {
  const text = await (await fetch(`${network.nodes[index]?.metrics}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.slice(series.length))
}

const spaceAt = async (network: DevNetwork, index: number): Promise<any> => (await ask(network, index, 'space.get', { space: food })).result

/** All of these hosts hold the same, and each has the others in reach. */
async function together(network: DevNetwork, ...indexes: readonly number[]): Promise<void> {
  await until(
    `hosts ${indexes.join()} to hold the same`,
    async () => {
      const spaces = await Promise.all(indexes.map((index) => spaceAt(network, index)))
      return spaces.every((space) => space?.set_digest === spaces[0]?.set_digest && space?.finality?.here === indexes.length) && spaces
    },
    60_000,
  )
}

/** A complete cut, asked for at this host. */
async function cutAt(network: DevNetwork, index: number): Promise<any> {
  const { result, error } = await ask(network, index, 'snapshot.create', { space: food })
  assert.equal(result?.outcome, 'complete', JSON.stringify(error))
  return result.snapshot
}

/** Each of them has settled this cut. */
async function known(network: DevNetwork, { checkpoint }: { readonly checkpoint: string }, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes) await until(`host ${index} to know the cut`, async () => (await spaceAt(network, index)).checkpoint?.id === checkpoint, 60_000)
}

/** The third node becomes a host, too. */
async function addThird(network: DevNetwork): Promise<void> {
  const ana = at(network, 0, 'Ana')
  await together(network, 0, 1)
  const did = network.nodes[2]?.did as never
  const { value } = await ana.coop.host.add({ coop_id: 'food', did, label: 'Ash' })
  const act = (value as { act?: { act_id: string } }).act
  if (act !== undefined) await at(network, 0, 'Ben').act.confirm({ space: food, operation_id: act.act_id as never })
  const { ticket } = await ana.coop.host.ticket({ coop_id: 'food', did })
  const joined = await ask(network, 2, 'coop.host.join', { ticket })
  assert.ok(joined.result, JSON.stringify(joined))
  await together(network, 0, 1, 2)
}

const rename = (network: DevNetwork, index: number, person: string, name: string) =>
  at(network, index, person).coop.updateProfile({ coop_id: 'food', did: personNamed(person).did, name })

/** One bit of a member's row, so that the number is another one and the rest as it was. */
function alterNumber(folder: string, name: string): void {
  const store = openSqliteStore({ folder: join(folder, 'store') })
  try {
    for (const [key, value] of store.range('state', '', '\u00ff')) {
      const row = decodeTrusted(value) as { readonly name?: string; readonly number?: number }
      if (row?.name !== name || row.number === undefined) continue
      for (let byte = 0; byte < value.length; byte++) {
        const altered = Uint8Array.from(value)
        altered[byte] = (altered[byte] as number) ^ 1
        try {
          const other = decodeTrusted(altered) as typeof row
          if (other.number === row.number || !isDeepStrictEqual({ ...other, number: row.number }, row)) continue
        } catch {
          continue
        }
        store.write([{ map: 'state', key, value: altered }])
        return
      }
    }
    throw new Error(`nobody is called ${name} there`)
  } finally {
    store.close()
  }
}

it('a host whose store was altered is named with table and rows, mends itself, and holds up nobody', { timeout: 180_000 }, async (t) => {
  const network = await open(t)
  await addThird(network)
  await rename(network, 0, 'Hana', 'Hana of the oven')
  await together(network, 0, 1, 2)
  const good = await cutAt(network, 0)
  assert.deepEqual([good.hosts_confirmed, good.hosts_count, good.few_witnesses, good.says], [3, 3, false, 'Confirmed by 3 of 3 hosts.'])
  const altered = network.nodes[1]?.did
  await known(network, good, 0, 1, 2)

  await network.kill('1')
  alterNumber(network.folder(1), 'Hana of the oven')
  await network.start('1')
  await together(network, 0, 1, 2)
  const verified = (await ask(network, 0, 'snapshot.verify', { snapshot_id: good.snapshot_id, peers: true })).result
  assert.deepEqual(
    verified.results.flatMap(({ verifier, valid }: { verifier: string; valid: boolean }) => (valid ? [] : [verifier])),
    [altered],
    'whoever looks before the next cut sees it, too',
  )
  assert.equal(verified.valid, 2)

  await rename(network, 0, 'Hana', 'Hana of the bakery')
  await together(network, 0, 1, 2)
  const found = await cutAt(network, 0)
  assert.equal(found.hosts_count, 3)
  const located = await until(
    'one of those who agree to say where it is another',
    async () => {
      const records = await Promise.all([0, 2].map(async (index) => (await ask(network, index, 'snapshot.get', { snapshot_id: found.snapshot_id })).result))
      return records.find(({ differences }) => differences.length > 0)
    },
    60_000,
  )
  assert.deepEqual(located.differing, [altered])
  const [{ did, table, first }] = located.differences
  assert.equal(did, altered)
  assert.ok([table, ...first].join() <= ['coop.members', personNamed('Hana').did].join(), `${table} ${first}`)
  for (const index of [0, 1, 2]) assert.ok((await counted(network, index, 'icn_snapshot_divergences_total')) > 0, `host ${index}`)
  // It has made its rows anew, and signs like the others again.
  await known(network, found, 1)
  const { events } = (await ask(network, 1, 'event.page', { spaces: ['node'], topics: ['space:status'], limit: 50 })).result
  const told = events.find(({ type }: { type: string }) => type === 'icn.space.diverged')
  assert.deepEqual([told?.data.sound, told?.data.rows, told?.data.tables], [true, 1, ['coop.members']])
  await rename(network, 1, 'Jona', 'Jona of the cart')
  await together(network, 0, 1, 2)
  const again = await cutAt(network, 1)
  await known(network, again, 0, 1, 2)
  assert.deepEqual([again.hosts_confirmed, again.differing], [3, []])
  const after = (await ask(network, 0, 'snapshot.verify', { snapshot_id: again.snapshot_id, peers: true })).result
  assert.equal(after.valid, 3)
})

it('what a host writes while it is cut off and the others go on is late, counted, and waits for people', { timeout: 180_000 }, async (t) => {
  const network = await open(t)
  await addThird(network)
  await known(network, await cutAt(network, 0), 0, 1, 2)
  await network.partition('0,2|1')
  await until('both sides to know', async () => (await spaceAt(network, 0)).finality.here === 2 && (await spaceAt(network, 1)).finality.here === 1, 60_000)
  await rename(network, 1, 'Jona', 'Jona, cut off')
  await rename(network, 0, 'Hana', 'Hana, of the majority')
  const cut = await cutAt(network, 0)
  assert.deepEqual([cut.hosts_confirmed, cut.hosts_count, cut.missing], [2, 3, [network.nodes[1]?.did]])
  assert.match(cut.says, /^Confirmed by 2 of 3 hosts; fewer than three independent witnesses\. Missing: .+\.$/)
  const lone = await ask(network, 1, 'snapshot.create', { space: food })
  assert.equal(lone.error?.data?.code, 'SNAPSHOT_INSUFFICIENT_PARTICIPANTS')

  await network.heal()
  await known(network, cut, 0, 1, 2)
  await together(network, 0, 1, 2)
  for (const index of [0, 1, 2]) {
    await until(`host ${index} to count it`, async () => (await counted(network, index, 'icn_journal_late_total')) === 1)
    const { items } = await at(network, index, 'Ana').operation.list({ space: food, status: 'late' }).page()
    assert.deepEqual(
      items.map(({ author }) => author),
      [personNamed('Jona').did],
    )
  }
})
