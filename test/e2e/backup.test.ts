import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it, type TestContext } from 'node:test'
import type { MethodName } from '@icn/protocol'
import { Running } from './daemon.ts'
import { didOf, type Fields, foundCoop, passphrase, Person, TestNode, until } from './harness.ts'

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
