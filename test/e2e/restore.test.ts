import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { openSqliteReading, storedRoot, storedSpaces } from '@icn/journal'
import { type SpaceId, toHex } from '@icn/protocol'
import { type Daemon, Home, nodeAt, Running } from './daemon.ts'
import { dayMs, foundCoop, freePort, Person, TestNode, until } from './harness.ts'

/** A machine is gone, and its node comes back from a backup on another one, beside a host that went on. */

const food = 'coop:food' as SpaceId
const icnd = join(import.meta.dirname, '../../apps/icnd/src/main.ts')
const icnctl = join(import.meta.dirname, '../../apps/icnctl/src/main.ts')
const patienceMs = 90_000

interface Two {
  readonly home: Home
  readonly daemon: Daemon
  readonly flags: Readonly<Record<string, string>>
  readonly ada: Person
  readonly two: TestNode
  readonly file: string
}

async function askOperator(home: Home, args: readonly string[], endpoint?: string): Promise<{ readonly code: number | null; readonly said: any; readonly errors: string }> {
  const running = new Running([icnctl, ...args, '--json', `--data-dir=${home.folder}`, '--timeout', '60s', ...(endpoint === undefined ? [] : ['--endpoint', endpoint])], {
    ICN_PASSPHRASE_FILE: home.passphraseFile,
  })
  const { code } = await running.end(60_000)
  return { code, said: running.out === '' ? undefined : JSON.parse(running.out), errors: running.errors }
}

/** What the store of a node that stands still comes to. */
function rootOf(home: Home): string {
  const source = openSqliteReading({ folder: join(home.folder, 'store'), isLive: false })
  try {
    const space = storedSpaces(source).find((one) => one.space === food)
    return space === undefined ? '' : toHex(storedRoot(source, space).root)
  } finally {
    source.close()
  }
}

const nameAt = async (node: TestNode): Promise<string> => {
  const ada = new Person(node, 'Ada')
  return (await ada.read('coop.get_member', { coop_id: 'food', did: ada.did })).name
}

/** Signed by the node's own key; answers the code of a refusal. */
async function rename(node: TestNode, name: string): Promise<string> {
  const ada = new Person(node, 'Ada')
  const { ok, body, code } = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name })
  return ok ? body.outcome : String(code)
}

/** A coop on a daemon and a second host; a backup; then the daemon signs more, the second host gets it, and the first machine is gone. */
async function disaster(t: TestContext): Promise<Two> {
  const port = await freePort()
  const flags = { 'network.listen_addr': `/ip4/127.0.0.1/tcp/${port}`, 'network.dial_loopback': 'true' }
  const home = await Home.make()
  t.after(() => home.dispose())
  const daemon = await home.open(flags)
  const one = await nodeAt(daemon)
  const token = { token: tokenOf(home) }
  const { addresses } = (await daemon.rpc.ask('network.status', {}, token)).body
  const two = new TestNode({ flags: { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.dial_loopback': 'true', 'network.bootstrap_peers': addresses[0].address } })
  t.after(() => two.dispose())
  writeFileSync(join(two.folder, 'network.json'), JSON.stringify({ network_id: one.network }))
  await two.open()
  await until('the network to be there', () => two.at.journal.info('commons' as SpaceId) !== undefined, patienceMs)
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  await ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Oak' })
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  await two.rpc.ask('coop.host.join', { ticket }, { token: two.at.operatorToken })
  await ada.must('identity.grant', { space: food, scopes: ['coop.member.profile'], for_ms: 30 * dayMs, label: 'Elm' })
  assert.equal(await rename(one, 'Ada of yesterday'), 'applied')
  await until('the second host to have it', async () => two.at.journal.info(food)?.isMute === false && (await nameAt(two)) === 'Ada of yesterday', patienceMs)

  const folder = mkdtempSync(join(tmpdir(), 'icn-restore-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'elm.icnbackup')
  const made = await askOperator(home, ['backup', file, '--encrypt-to', ada.did], rpcOf(daemon))
  assert.equal(made.code, 0, made.errors)
  const tried = await askOperator(home, ['backup', 'drill', file], rpcOf(daemon))
  assert.deepEqual([tried.code, tried.said.result], [0, 'proven'], tried.errors)
  for (const name of ['Ada of the bakery', 'Ada of the mill']) assert.equal(await rename(one, name), 'applied')
  await until('the second host to have what came after the backup', async () => (await nameAt(two)) === 'Ada of the mill', patienceMs)
  daemon.running.child.kill('SIGKILL')
  await daemon.running.ended
  // The folder of a node that was killed is looked at as it lies there.
  const before = readFileSync(join(home.folder, 'store', 'icn.sqlite-wal'))
  const dry = await askOperator(home, ['restore', file, '--dry-run'])
  assert.equal(dry.code, 10, dry.errors)
  const lost = dry.said.lost.find(({ space }: { space: string }) => space === food)
  assert.ok(lost.operations >= 2 && lost.rows.length > 0, JSON.stringify(dry.said.lost))
  assert.deepEqual(readFileSync(join(home.folder, 'store', 'icn.sqlite-wal')), before)
  return { home, daemon, flags, ada, two, file }
}

/** Where the operator's door listens, as the daemon says. */
const rpcOf = ({ running }: Daemon): string => new URL(String(running.lines.find((line) => line['event'] === 'listening' && line['name'] === 'rpc')?.['address'])).host

const tokenOf = (home: Home): string => readFileSync(join(home.folder, 'operator.token'), 'utf8').trim()

/** Another machine: nothing but the node's key and the backup. */
async function machineWith(t: TestContext, { home, file }: Two): Promise<Home> {
  const machine = await Home.make()
  t.after(() => machine.dispose())
  rmSync(join(machine.folder, 'identity.key'))
  cpSync(join(home.folder, 'identity.key'), join(machine.folder, 'identity.key'))
  const { code, said, errors } = await askOperator(machine, ['restore', file])
  assert.deepEqual([code, said?.result, said?.kept, said?.lost], [0, 'proven', null, []], errors)
  return machine
}

it('a node that comes back from a backup on an empty machine asks its co-host before it signs, catches up, and forks nothing', async (t) => {
  const before = await disaster(t)
  const { two, flags } = before
  await two.stop()
  const machine = await machineWith(t, before)
  const daemon = await machine.open(flags)
  const one = await nodeAt(daemon)
  assert.equal(await nameAt(one), 'Ada of yesterday')
  assert.equal(await rename(one, 'Ada of nowhere'), 'RECOVERING')
  await two.open()
  await until('the restored node to have caught up', async () => (await nameAt(one)) === 'Ada of the mill', patienceMs)
  await until('the restored node to sign again', async () => (await rename(one, 'Ada is back')) === 'applied', patienceMs)
  await until('the second host to have that', async () => (await nameAt(two)) === 'Ada is back', patienceMs)
  assert.equal(two.at.journal.info(food)?.operations.forked, 0)
  daemon.running.child.kill('SIGTERM')
  await daemon.running.end()
  const rebuilt = await askOperator(machine, ['node', 'rebuild'])
  assert.deepEqual([rebuilt.code, rebuilt.said.changed], [0, 0], rebuilt.errors)
  assert.equal(rootOf(machine), toHex(two.at.journal.root(food).root))
  await two.healthy()
})

it('the operator’s word lets a restored node go on where nobody is left to ask', async (t) => {
  const before = await disaster(t)
  await before.two.stop()
  const machine = await machineWith(t, before)
  const daemon = await machine.open({ ...before.flags, 'node.alone': 'true' })
  const one = await nodeAt(daemon)
  assert.equal(await rename(one, 'Ada goes on'), 'applied')
  assert.equal(await nameAt(one), 'Ada goes on')
})
