import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { MethodName } from '@icn/protocol'
import { didOf, type Fields, foundCoop, Person, TestNode, until } from './harness.ts'

/** Backups of a whole node through its doors: made while it works, and tried. */

export function folderFor(t: TestContext): string {
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
  assert.deepEqual(readdirSync(join(node.folder, 'run')).filter((name) => name.startsWith('scratch')), [])
})
