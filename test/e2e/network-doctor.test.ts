import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, type SpaceId } from '@icn/protocol'
import { foundCoop, freePort, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** Faults between real nodes, and what their doctors say of them. */

const food = 'coop:food' as SpaceId
const listening = { 'network.dial_loopback': 'true', 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'supervisor.metrics_update_interval_secs': '1' }

async function opened(t: TestContext, { first, flags = {} }: { readonly first?: TestNode; readonly flags?: Readonly<Record<string, string>> } = {}): Promise<TestNode> {
  const node = new TestNode({ flags: { ...listening, ...flags } })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

interface Line {
  readonly group: string
  readonly name: string
  readonly state: string
  readonly text: string
  readonly fix: string | null
}

async function lines(node: TestNode, name?: string): Promise<readonly Line[]> {
  const { ok, body } = await node.rpc.ask('node.doctor', {}, { token: node.at.operatorToken })
  assert.ok(ok, JSON.stringify(body))
  return body.findings.filter((line: Line) => line.group === 'network' && (name === undefined || line.name === name))
}

/** Waits until the doctor says this. */
async function says(node: TestNode, name: string, state: string, text: RegExp): Promise<Line> {
  let seen: readonly Line[] = []
  try {
    return await until(
      `${name} ${state} ${text}`,
      async () => {
        seen = await lines(node)
        return seen.find((line) => line.name === name && line.state === state && text.test(line.text))
      },
      20_000,
    )
  } catch (error) {
    throw new Error(JSON.stringify(seen, null, 1), { cause: error })
  }
}

async function measured(node: TestNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1] ?? 0,
  )
}

const addressOf = (node: TestNode): string => {
  const [address] = placesOf(node)
  assert.ok(address !== undefined)
  return address
}

const linked = (node: TestNode, did: Did): boolean =>
  (node.at.network?.status().links ?? []).some((link) => link.did === did && link.state === 'ready' && link.spaces.includes(food))

/** Has got all that the other has. */
const holds = (node: TestNode, from: TestNode): boolean => linked(node, from.at.did) && node.at.network?.sync(food).state === 'synced'

async function dial(node: TestNode, target: string): Promise<void> {
  const { ok, body } = await node.rpc.ask('network.dial', { target }, { token: node.at.operatorToken })
  assert.ok(ok, JSON.stringify(body))
}

/** A second steward confirms what needs two. */
async function admit(ada: Person, ben: Person, node: TestNode): Promise<void> {
  await until('the network to be there', () => node.at.journal.info(commonsSpace) !== undefined)
  const { act } = (await ada.must('coop.host.add', { coop_id: 'food', did: node.at.did, label: 'Elm' })).value
  if (act !== undefined) await ben.must('act.confirm', { space: food, operation_id: act.act_id })
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: node.at.did })
  const joined = await node.rpc.ask('coop.host.join', { ticket }, { token: node.at.operatorToken })
  assert.ok(joined.ok, JSON.stringify(joined.body))
}

async function founders(node: TestNode): Promise<readonly [Person, Person]> {
  const both = [new Person(node, 'Ada'), new Person(node, 'Ben')] as const
  await foundCoop(both.map((person) => ({ person, roles: ['member', 'steward'] })))
  return both
}

it('first contacts that are none, that do not answer, and that belong to another network are told apart', async (t) => {
  const one = await opened(t)
  assert.match((await says(one, 'first contact', 'ok', /no peer is known/)).fix ?? '', /network\.bootstrap_peers/)
  assert.match((await says(one, 'listening', 'ok', /listens at \/ip4\/127\.0\.0\.1/)).text, new RegExp(addressOf(one)))

  const nowhere = addressOf(one).replace(/tcp\/\d+/, `tcp/${await freePort()}`)
  const lost = await opened(t, { flags: { 'network.bootstrap_peers': `${nowhere},elm.example` } })
  await says(lost, 'bootstrap', 'fail', /elm\.example, which is no address/)
  await says(lost, 'bootstrap', 'warn', /nobody answered at \/ip4\/127\.0\.0\.1/)
  await says(lost, 'first contact', 'warn', /1 peers are known, and none answers/)

  const other = await opened(t, { flags: { 'network.bootstrap_peers': addressOf(one) } })
  const { text } = await says(other, 'bootstrap', 'fail', /belongs to another network/)
  assert.ok(text.includes(one.network) && text.includes(other.network))
  await says(other, 'first contact', 'warn', /some answer, and none stays/)
  await says(one, 'greeting', 'warn', new RegExp(`${other.at.did} was here .* another network, ${other.network}`))
  assert.ok((await measured(one, 'icn_network_hello_failures_total{code="NETWORK_MISMATCH"}')) >= 1)
})

it('a port of the network that another program has is named with its option before anything is opened', async (t) => {
  const one = await opened(t)
  const [, port] = /\/tcp\/(\d+)/.exec(addressOf(one)) ?? []
  const second = new TestNode({ flags: { ...listening, 'network.listen_addr': `/ip4/127.0.0.1/tcp/${port}` } })
  t.after(() => second.dispose())
  await assert.rejects(second.open(), new RegExp(`/ip4/127.0.0.1/tcp/${port} is in use by another program.*--network\\.listen_addr`))
})

it('a host that is gone is named with when it was seen last; a node without any other host says that it is alone, and counts it', async (t) => {
  const one = await opened(t)
  const two = await opened(t, { first: one })
  await admit(...(await founders(one)), two)
  await until('the two to be linked', () => linked(one, two.at.did))
  await says(one, 'host', 'ok', /\(coop:food\) is reached directly/)
  assert.ok((await measured(one, 'icn_replication_sent_operations_total')) > 0)
  assert.ok((await measured(two, 'icn_replication_received_bytes_total')) > (await measured(two, 'icn_replication_received_operations_total')))
  assert.equal(await measured(one, 'icn_replication_spaces_alone'), 0)

  const did = two.at.did
  await two.stop()
  const gone = await says(one, 'host', 'warn', /last seen at /)
  assert.ok(gone.text.startsWith(`${did} (coop:food)`), gone.text)
  await says(one, 'alone', 'warn', /coop:food has other hosts, and none of them is here/)
  await until('being alone to be measured', async () => (await measured(one, 'icn_replication_spaces_alone')) === 1)

  await two.open()
  await until('the two to be linked again', () => linked(one, did), 30_000)
  await until('company to be measured', async () => (await measured(one, 'icn_replication_spaces_alone')) === 0)
  assert.deepEqual(await lines(one, 'alone'), [])
  for (const node of [one, two]) await node.healthy()
})

it('a host that has not yet heard that this one was admitted is told from one that is gone', async (t) => {
  const one = await opened(t)
  const port = await freePort()
  const [two, three] = [await opened(t, { first: one, flags: { 'network.listen_addr': `/ip4/127.0.0.1/tcp/${port}` } }), await opened(t, { first: one })]
  const [ada, ben] = await founders(one)
  await admit(ada, ben, two)
  await until('the second to hold it', () => holds(two, one))
  const address = addressOf(two)
  const did = two.at.did
  await two.stop()
  await admit(ada, ben, three)
  await until('the third to hold it', () => holds(three, one))
  await one.stop()

  // Nobody is left who could tell the second of the third.
  await two.open()
  await dial(three, address)
  await says(three, 'space', 'warn', new RegExp(`${did} has not yet heard that this node was admitted to coop:food.*no other host is here`))
  await one.open()
  await dial(two, addressOf(one))
  await until('the second to have heard', () => linked(three, did), 30_000)
  await until('the line to be gone', async () => (await lines(three, 'space')).length === 0)
})
