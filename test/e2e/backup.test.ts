import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it, type TestContext } from 'node:test'
import { openSqliteReading, openSqliteStore, storedRoot, storedSpaces } from '@icn/journal'
import { CallRefusal, tryBackup } from '@icn/node'
import { didOfKey, type MethodName, newKeyFile, Secret, type SpaceId, sealKeyFile, toHex, type Vectors } from '@icn/protocol'
import { nodeKeyFileCrypto, writeKeyFile } from '@icn/protocol/node'
import type { NodeKeys } from '../../apps/icnd/src/node-key.ts'
import { Running } from './daemon.ts'
import { didOf, type Fields, foundCoop, passphrase, Person, seedOf, TestNode, until } from './harness.ts'

/** Backups of a whole node through its doors: made while it works, and tried. */

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'icn-backup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function job(node: TestNode, method: MethodName, input: Fields = {}): Promise<any> {
  const operator = { token: node.at.operatorToken }
  const started = await node.rpc.ask(method, input, operator)
  assert.ok(started.ok, JSON.stringify(started.body))
  return until(
    `the end of ${method}`,
    async () => {
      const { body } = await node.rpc.ask('job.get', { id: started.body.id }, operator)
      return body.state === 'running' || body.state === 'queued' ? undefined : body
    },
    60_000,
  )
}

async function withCoop(t: TestContext, flags: Readonly<Record<string, string>> = {}): Promise<{ readonly node: TestNode; readonly ada: Person }> {
  const node = await TestNode.start({ flags })
  t.after(() => node.dispose())
  const ada = new Person(node, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  return { node, ada }
}

it('a backup is made while the node works, only this user can read it, and its restore is proven', async (t) => {
  const { node } = await withCoop(t)
  const file = join(folderFor(t), 'today.icnbackup')
  const made = await job(node, 'node.backup', { file, encrypt_to: [didOf('Ada')] })
  assert.equal(made.state, 'done', JSON.stringify(made))
  assert.deepEqual(made.result.recipients, [didOf('Ada'), node.at.did])
  assert.equal(made.result.spaces, 2)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(existsSync(`${file}.sha256`))
  const tried = await job(node, 'node.backup.drill', { file })
  assert.equal(tried.result?.result, 'proven', JSON.stringify(tried))
  assert.deepEqual(tried.result.roots.map(({ space }: { space: string }) => space).sort(), ['commons', 'coop:food'])
  const { body } = await node.rpc.ask('node.status', {}, { token: node.at.operatorToken })
  assert.deepEqual(
    body.restores.map((one: any) => [one.what, one.last.result, one.proven_at !== null]),
    [['backup', 'proven', true]],
  )
  assert.deepEqual(
    readdirSync(join(node.folder, 'run')).filter((name) => name.startsWith('scratch')),
    [],
  )
})

/** Everything in a folder by name and content. */
function printOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`)
    .join('\n')
}

interface Offline {
  readonly code: number | null
  readonly result: any
  readonly problem: any
}

/** The daemon's own command on a folder that nobody holds. */
async function offline(folder: string, ...args: readonly string[]): Promise<Offline> {
  const file = join(folderFolder(), 'passphrase')
  writeFileSync(file, passphrase, { mode: 0o600 })
  const running = new Running([icnd, ...args, `--data_dir=${folder}`], { ICN_PASSPHRASE_FILE: file })
  const { code } = await running.end(60_000)
  const lines = running.lines as readonly { readonly result?: unknown; readonly problem?: unknown }[]
  const last = lines.at(-1)
  if (last === undefined) throw new Error(running.errors)
  return { code, result: last.result, problem: last.problem }
}

const icnd = join(import.meta.dirname, '../../apps/icnd/src/main.ts')
const temporary: string[] = []
const folderFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'icn-backup-'))
  temporary.push(folder)
  return folder
}
after(() => temporary.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

it('a restore on an empty machine brings everything back, and a dry run says before what it would cost', async (t) => {
  const { node, ada } = await withCoop(t, { 'node.alone': 'true' })
  const file = join(folderFor(t), 'today.icnbackup')
  assert.equal((await job(node, 'node.backup', { file, encrypt_to: [ada.did] })).state, 'done')
  const before = node.print()
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the bakery' })
  await node.stop()

  const untouched = printOf(node.folder)
  const dry = await offline(node.folder, 'restore', file, '--dry-run')
  assert.equal(dry.code, 10, JSON.stringify(dry))
  assert.equal(dry.result.result, 'proven')
  const lost = dry.result.lost.find(({ space }: { space: string }) => space === 'coop:food')
  assert.ok(lost.operations >= 1, JSON.stringify(lost))
  assert.ok(
    lost.rows.some(({ table, count }: { table: string; count: number }) => table.includes('member') && count === 1),
    JSON.stringify(lost.rows),
  )
  assert.equal(printOf(node.folder), untouched, 'a dry run touches nothing')

  const there = await offline(node.folder, 'restore', file)
  assert.equal(there.code, 10)
  assert.ok(existsSync(join(node.folder, there.result.kept, 'icn.sqlite')))
  await node.open()
  assert.equal(node.print(), before)
  await node.healthy()
  await node.stop()

  const machine = new TestNode({ flags: { 'node.alone': 'true' } })
  t.after(() => machine.dispose())
  cpSync(join(node.folder, 'identity.key'), join(machine.folder, 'identity.key'))
  machine.keys = node.keys
  const fresh = await offline(machine.folder, 'restore', file)
  assert.deepEqual([fresh.code, fresh.result?.kept, fresh.result?.lost], [0, null, []], JSON.stringify(fresh))
  await machine.open()
  assert.equal(machine.print(), before)
  const { body } = await machine.rpc.ask('node.status', {}, { token: machine.at.operatorToken })
  assert.equal(body.restores[0].last.result, 'proven')
  await new Person(machine, 'Ada').must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the mill' })
  await machine.healthy()
})

/** What a restore in scratch says of these bytes. */
async function codeOf(node: TestNode, bytes: Uint8Array, folder: string): Promise<string> {
  const file = join(folder, 'altered.icnbackup')
  const scratch = join(folder, 'scratch')
  writeFileSync(file, bytes)
  try {
    await tryBackup({
      file,
      scratch,
      node: didOfKey((node.keys as NodeKeys).key.publicKey),
      network: undefined,
      keys: { seeds: [new Secret(Uint8Array.from((node.keys as NodeKeys).seed))] },
    })
    return 'proven'
  } catch (error) {
    return error instanceof CallRefusal ? error.code : String(error)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

it('a backup that was cut, altered, extended or is of another layout is refused with its code', async (t) => {
  const { node } = await withCoop(t)
  const folder = folderFor(t)
  const [sealed, open] = [join(folder, 'sealed.icnbackup'), join(folder, 'open.icnbackup')]
  assert.equal((await job(node, 'node.backup', { file: sealed, encrypt_to: [didOf('Ada')] })).state, 'done')
  assert.equal((await job(node, 'node.backup', { file: open, plaintext: 'members-data-readable-by-anyone-with-this-file' })).state, 'done')
  await node.stop()
  for (const file of [sealed, open]) {
    const whole = readFileSync(file)
    assert.equal(await codeOf(node, whole, folder), 'proven')
    for (const length of [0, 4, 11, 40, 300, Math.floor(whole.length / 2), whole.length - 40, whole.length - 1])
      assert.equal(await codeOf(node, whole.subarray(0, length), folder), 'ARCHIVE_DAMAGED', `${file} cut at ${length}`)
    assert.equal(await codeOf(node, Buffer.concat([whole, Buffer.of(0)]), folder), 'ARCHIVE_DAMAGED', 'a byte behind the end')
    const places = [0, 9, 20, ...Array.from({ length: 24 }, (_, i) => Math.floor(((i + 1) * (whole.length - 1)) / 24))]
    for (const at of places) {
      const altered = Buffer.from(whole)
      altered[at] = (altered[at] as number) ^ 1
      assert.match(await codeOf(node, altered, folder), /^(ARCHIVE_DAMAGED|ARCHIVE_NOT_FOR_US|ARCHIVE_TOO_NEW)$/, `${file} altered at ${at}`)
    }
    const newer = Buffer.from(whole)
    newer[newer.indexOf('fschema') + 7] = 23
    assert.equal(await codeOf(node, newer, folder), 'ARCHIVE_TOO_NEW')
  }
  // Rows of one file behind the beginning of another.
  const other = readFileSync(open)
  const spliced = Buffer.concat([readFileSync(open).subarray(0, other.length - 200), readFileSync(sealed).subarray(-200)])
  assert.equal(await codeOf(node, spliced, folder), 'ARCHIVE_DAMAGED')
})

it('a backup of another network, of another node or for other people is refused, and nothing is touched', async (t) => {
  const [{ node, ada }, { node: stranger }] = [await withCoop(t), await withCoop(t)]
  const folder = folderFor(t)
  const [sealed, open] = [join(folder, 'sealed.icnbackup'), join(folder, 'open.icnbackup')]
  assert.equal((await job(node, 'node.backup', { file: sealed, encrypt_to: [ada.did] })).state, 'done')
  assert.equal((await job(node, 'node.backup', { file: open, plaintext: 'members-data-readable-by-anyone-with-this-file' })).state, 'done')
  const own = node.at.did
  const running = await offline(node.folder, 'restore', sealed, '--dry-run')
  // The test is the process that holds the folder, and it is not the one that asks.
  assert.deepEqual([running.code, running.problem.code], [6, 'NODE_RUNNING'])
  await stranger.stop()
  const untouched = printOf(stranger.folder)
  for (const [file, code, exit] of [
    [sealed, 'NETWORK_MISMATCH', 6],
    [open, 'NETWORK_MISMATCH', 6],
  ] as const) {
    const refused = await offline(stranger.folder, 'restore', file)
    assert.deepEqual([refused.code, refused.problem?.code], [exit, code])
    assert.equal(printOf(stranger.folder).replace(/.*run\/count.*/, ''), untouched.replace(/.*run\/count.*/, ''))
  }
  // The same key file on an empty machine, which belongs to no network.
  const empty = folderFor(t)
  cpSync(join(stranger.folder, 'identity.key'), join(empty, 'identity.key'))
  const notForUs = await offline(empty, 'restore', sealed)
  assert.deepEqual([notForUs.code, notForUs.problem.code, notForUs.problem.params.recipients], [4, 'ARCHIVE_NOT_FOR_US', [ada.did, own]])
  const otherNode = await offline(empty, 'restore', open)
  assert.deepEqual([otherNode.code, otherNode.problem.code], [6, 'BACKUP_OTHER_NODE'])
  assert.equal((await offline(empty, 'restore', join(folder, 'nothing'))).problem.code, 'BACKUP_UNKNOWN')
  assert.deepEqual(readdirSync(empty).sort(), ['identity.key', 'run'])
  rmSync(join(empty, 'identity.key'))
  assert.equal((await offline(empty, 'restore', sealed)).problem.code, 'KEY_FILE_MISSING')
  // Whoever the key of the node is lost for opens it on another one, and says so.
  const heirs = folderFor(t)
  cpSync(join(stranger.folder, 'identity.key'), join(heirs, 'identity.key'))
  const adasKey = join(folder, 'ada.key')
  await writeKeyFile(
    adasKey,
    await sealKeyFile(newKeyFile('person', new Secret(seedOf('Ada')), 1), Secret.ofText(passphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 }),
    'create',
  )
  const inherited = await offline(heirs, 'restore', sealed, `--key-file=${adasKey}`, '--as-another-node')
  assert.equal(inherited.code, 0, JSON.stringify(inherited))
})

function rootOf(folder: string): string {
  const source = openSqliteReading({ folder: join(folder, 'store'), isLive: false })
  const [space] = storedSpaces(source).filter((one) => one.space === 'coop:food')
  const { root } = storedRoot(source, space as NonNullable<typeof space>)
  source.close()
  return toHex(root)
}

it('rows that do not follow from the operations are found by a drill, and put right by a rebuild', async (t) => {
  const { node, ada } = await withCoop(t, { 'node.alone': 'true' })
  await node.stop()
  const root = rootOf(node.folder)
  const store = openSqliteStore({ folder: join(node.folder, 'store') })
  const [key, value] = [...store.range('state', '')].find(([, bytes]) => Buffer.from(bytes).includes('Ada')) as readonly [string, Uint8Array]
  store.write([{ map: 'state', key, value: Buffer.from(Buffer.from(value).toString('latin1').replace('Ada', 'Eva'), 'latin1') }])
  store.close()
  await node.open()
  const file = join(folderFor(t), 'wrong.icnbackup')
  assert.equal((await job(node, 'node.backup', { file, encrypt_to: [ada.did] })).state, 'done')
  const tried = await job(node, 'node.backup.drill', { file })
  assert.deepEqual([tried.result.result, tried.result.code], ['failed', 'RESTORE_DIFFERS'])
  const { body } = await node.rpc.ask('node.doctor', {}, { token: node.at.operatorToken })
  assert.ok(body.findings.some(({ group, state }: { group: string; state: string }) => group === 'keeping' && state === 'fail'))
  assert.match(await (await fetch(`${node.at.addresses.metrics}/metrics`)).text(), /icn_restore_failing\{what="backup"\} 1/)
  await node.stop()
  const refused = await offline(node.folder, 'restore', file)
  assert.deepEqual([refused.code, refused.problem.code], [6, 'RESTORE_DIFFERS'])
  const rebuilt = await offline(node.folder, 'rebuild')
  assert.equal(rebuilt.code, 10, JSON.stringify(rebuilt))
  assert.equal(rebuilt.result.changed, 1)
  assert.ok(existsSync(join(node.folder, rebuilt.result.kept, 'icn.sqlite')))
  const again = await offline(node.folder, 'rebuild')
  assert.deepEqual([again.code, again.result.changed], [0, 0])
  assert.equal(rootOf(node.folder), root)
  await node.open()
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the mill' })
  assert.deepEqual(node.at.journal.doctor(), [])
})

it('a space that this node has begun from a state is proven from there on, and rebuilt from there', async (t) => {
  const { node: one, ada } = await withCoop(t, { 'node.alone': 'true' })
  const food = 'coop:food' as SpaceId
  await one.at.journal.checkpoint(food, 0)
  const two = new TestNode({ flags: { 'node.alone': 'true' } })
  t.after(() => two.dispose())
  writeFileSync(join(two.folder, 'network.json'), JSON.stringify({ network_id: one.network }))
  await two.open()
  const all = (space: SpaceId) => {
    const vectors = one.at.journal.vectors(space) as Vectors
    return vectors.lacking(new Map(vectors.entries().map(({ signer }) => [signer, 0])), { countMax: 1_000, bytesMax: 10_000_000 }).operations
  }
  await two.at.journal.ingest('commons' as SpaceId, all('commons' as SpaceId))
  const reader = await one.at.journal.states.open(food)
  await two.at.journal.states.install(reader)
  reader.close()
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the mill' })
  await two.at.journal.ingest(food, all(food))
  const root = toHex(one.at.journal.root(food).root)
  assert.equal(toHex(two.at.journal.root(food).root), root)
  assert.notEqual(two.at.journal.info(food)?.historyFrom, undefined)
  const file = join(folderFor(t), 'two.icnbackup')
  assert.equal((await job(two, 'node.backup', { file, encrypt_to: [ada.did] })).state, 'done')
  const tried = await job(two, 'node.backup.drill', { file })
  assert.deepEqual([tried.result.result, tried.result.code], ['proven', null])
  await two.stop()
  const rebuilt = await offline(two.folder, 'rebuild')
  assert.deepEqual([rebuilt.code, rebuilt.result?.changed], [0, 0], JSON.stringify(rebuilt))
  await two.open()
  assert.equal(toHex(two.at.journal.root(food).root), root)
})

it('an operation that nobody has signed so is found by a drill', async (t) => {
  const { node, ada } = await withCoop(t)
  await node.stop()
  const store = openSqliteStore({ folder: join(node.folder, 'store') })
  const [key, value] = [...store.range('operations', '')].at(-1) as readonly [string, Uint8Array]
  const altered = Uint8Array.from(value)
  // The signature stands between envelope and body.
  const at = 4 + new DataView(value.buffer, value.byteOffset).getUint32(0) + 3
  altered[at] = (altered[at] as number) ^ 1
  store.write([{ map: 'operations', key, value: altered }])
  store.close()
  await node.open()
  const file = join(folderFor(t), 'forged.icnbackup')
  assert.equal((await job(node, 'node.backup', { file, encrypt_to: [ada.did] })).state, 'done')
  const tried = await job(node, 'node.backup.drill', { file })
  assert.deepEqual([tried.result.result, tried.result.code], ['failed', 'RESTORE_DIFFERS'])
  await node.stop()
  const refused = await offline(node.folder, 'restore', file, '--dry-run')
  assert.deepEqual([refused.problem.code, refused.problem.params.what], ['RESTORE_DIFFERS', 'signature'])
})
