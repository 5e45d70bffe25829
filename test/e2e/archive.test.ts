import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { type MethodName, type SpaceId, toHex } from '@icn/protocol'
import { type Fields, foundCoop, Person, TestNode, until } from './harness.ts'

/** States of spaces in files: made at one node, put back at another, and whatever is wrong with them. */

const food = 'coop:food' as SpaceId
const commons = 'commons' as SpaceId
const plaintext = 'members-data-readable-by-anyone-with-this-file'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'icn-archive-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function ask(node: TestNode, method: MethodName, input: Fields = {}): Promise<any> {
  const { body } = await node.rpc.ask(method, input, { token: node.at.operatorToken })
  return body
}

async function job(node: TestNode, method: MethodName, input: Fields = {}): Promise<any> {
  const started = await ask(node, method, input)
  if (started.id === undefined) return started
  return until(
    `the end of ${method}`,
    async () => {
      const body = await ask(node, 'job.get', { id: started.id })
      return body.state === 'running' || body.state === 'queued' ? undefined : body
    },
    60_000,
  )
}

async function withCoop(t: TestContext): Promise<{ readonly node: TestNode; readonly ada: Person }> {
  const node = await TestNode.start({ flags: { 'snapshot.auto': 'false' } })
  t.after(() => node.dispose())
  const ada = new Person(node, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  for (const space of [commons, food]) await ask(node, 'snapshot.create', { space })
  return { node, ada }
}

/** A node of the same network that holds nothing yet. */
async function emptyNode(t: TestContext, network: string): Promise<TestNode> {
  const node = new TestNode({ flags: { 'snapshot.auto': 'false' } })
  writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: network }))
  await node.open()
  t.after(() => node.dispose())
  return node
}

const rootAt = (node: TestNode, space: SpaceId): string => toHex(node.at.journal.root(space).root)

/** Everything in the store by name and content, but for what jobs and measures note. */
function printOf(node: TestNode, space: SpaceId): string {
  const info = node.at.journal.info(space)
  return JSON.stringify([info?.genesis, info?.head, info?.operations, info && rootAt(node, space)])
}

/** Both spaces of a node in files that anybody may read. */
async function archived(t: TestContext, node: TestNode): Promise<{ readonly folder: string; readonly commons: string; readonly food: string }> {
  const folder = folderFor(t)
  const files = { folder, commons: join(folder, 'commons.icnsnap'), food: join(folder, 'food.icnsnap') }
  for (const [space, out] of [
    [commons, files.commons],
    [food, files.food],
  ]) {
    const made = await job(node, 'snapshot.archive', { space, out, plaintext, operations: 'all' })
    assert.equal(made.state, 'done', JSON.stringify(made))
  }
  return files
}

it('a space that was archived at one node is put back at an empty one, with the same root, and lives on there', async (t) => {
  const { node } = await withCoop(t)
  const files = await archived(t, node)
  const other = await emptyNode(t, node.network)
  const early = await job(other, 'snapshot.restore', { file: files.food })
  assert.equal(early.problem?.code, 'NOT_CAUGHT_UP', 'the network comes first')
  for (const file of [files.commons, files.food]) {
    const dry = await ask(other, 'snapshot.restore', { file, dry_run: true })
    const tried = await until('the trial', async () => {
      const body = await ask(other, 'job.get', { id: dry.id })
      return body.state === 'done' ? body : undefined
    })
    assert.deepEqual([tried.result.outcome, tried.result.present], ['simulated', false])
    const restored = await job(other, 'snapshot.restore', { file })
    assert.equal(restored.state, 'done', JSON.stringify(restored))
    assert.equal(restored.result.outcome, 'restored')
  }
  for (const space of [commons, food]) {
    assert.equal(other.at.journal.info(space)?.checkpoint?.id, node.at.journal.info(space)?.checkpoint?.id)
    assert.equal(rootAt(other, space), rootAt(node, space))
  }
  // People go on where they were, also after a restart.
  await other.stop()
  await other.open()
  const there = new Person(other, 'Ada')
  await there.signIn()
  await there.must('coop.update_profile', { coop_id: 'food', did: there.did, name: 'Ada elsewhere' })
  assert.equal((await there.read('coop.get', { coop_id: 'food' })).coop_id, 'food')
  // What was before is known to have been, and said to be elsewhere.
  const old = node.at.journal.operations(food, { limit: 2 })[1]?.operation.id
  assert.equal((await there.ask('operation.get', { operation_id: old })).code, 'HISTORY_NOT_HERE')
  assert.ok((await there.read('space.get', { space: food })).history_from !== null)
  assert.deepEqual(other.at.journal.doctor(), [])
})

it('whatever is wrong with an archive has its own code, and touches nothing', async (t) => {
  const { node } = await withCoop(t)
  const files = await archived(t, node)
  const good = readFileSync(files.food)
  const bent = (at: number, bits = 1): Uint8Array => good.map((byte, index) => (index === at ? byte ^ bits : byte))
  // The header's { v: 1 }: a text of one letter, then the number.
  const versionAt = good.indexOf(Buffer.from([0x61, 0x76, 0x01])) + 2
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['cut short', good.subarray(0, good.length - 10), 'ARCHIVE_DAMAGED'],
    ['a byte', bent(Math.floor(good.length / 2)), 'ARCHIVE_DAMAGED'],
    ['nothing', new Uint8Array(0), 'ARCHIVE_DAMAGED'],
    ['newer', bent(versionAt, 3), 'ARCHIVE_TOO_NEW'],
  ]
  const before = printOf(node, food)
  for (const [what, bytes, code] of cases) {
    const file = join(files.folder, `${what.replaceAll(' ', '-')}.icnsnap`)
    writeFileSync(file, bytes)
    const refused = await job(node, 'snapshot.restore', { file, replace: true, confirm_space: food })
    assert.equal(refused.problem?.code, code, what)
    assert.equal((await job(node, 'snapshot.drill', { file })).result.result, 'failed', what)
  }
  const missing = await job(node, 'snapshot.restore', { file: 'none.icnsnap' })
  assert.equal(missing.problem?.code, 'ARCHIVE_UNKNOWN')
  assert.equal((await job(node, 'snapshot.restore', { file: files.food })).problem?.code, 'SPACE_PRESENT')
  assert.equal((await job(node, 'snapshot.restore', { file: files.food, replace: true, confirm_space: commons })).problem?.code, 'SPACE_PRESENT')
  assert.equal(printOf(node, food), before)
  const foreign = await TestNode.start()
  t.after(() => foreign.dispose())
  assert.equal((await job(foreign, 'snapshot.restore', { file: files.food })).problem?.code, 'NETWORK_MISMATCH')
  const sealed = join(files.folder, 'sealed.icnsnap')
  assert.equal((await job(node, 'snapshot.archive', { space: food, out: sealed })).state, 'done')
  const other = await emptyNode(t, node.network)
  assert.equal((await job(other, 'snapshot.restore', { file: files.commons })).state, 'done')
  assert.equal((await job(other, 'snapshot.restore', { file: sealed })).problem?.code, 'ARCHIVE_NOT_FOR_US')
  assert.equal(other.at.journal.info(food), undefined)
})

it('a space is put back over what is here only on purpose, after a trial that says what would be lost', async (t) => {
  const { node, ada } = await withCoop(t)
  const files = await archived(t, node)
  const root = rootAt(node, food)
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the oven' })
  const before = printOf(node, food)
  const dry = await ask(node, 'snapshot.restore', { file: files.food, dry_run: true })
  const tried = await until('the trial', async () => {
    const body = await ask(node, 'job.get', { id: dry.id })
    return body.state === 'done' ? body : undefined
  })
  assert.deepEqual([tried.result.outcome, tried.result.present, tried.result.lost_or_late], ['simulated', true, 1])
  assert.ok(
    tried.result.rows.some(({ table }: { table: string }) => table.startsWith('coop.')),
    JSON.stringify(tried.result.rows),
  )
  assert.equal(printOf(node, food), before)
  const done = await job(node, 'snapshot.restore', { file: files.food, replace: true, confirm_space: food })
  assert.equal(done.state, 'done', JSON.stringify(done))
  assert.equal(rootAt(node, food), root)
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the cart' })
  assert.deepEqual(node.at.journal.doctor(), [])
})

it('archives are made, listed, tried, pinned and cleaned up', async (t) => {
  const { node, ada } = await withCoop(t)
  const names: string[] = []
  for (const turn of [1, 2, 3]) {
    await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: `Ada ${turn}` })
    await ask(node, 'snapshot.create', { space: food })
    const made = await job(node, 'snapshot.archive', { space: food })
    assert.equal(made.state, 'done', JSON.stringify(made))
    assert.deepEqual(made.result.recipients, [node.at.did])
    names.unshift(made.result.file.split('/').at(-1))
  }
  assert.deepEqual(
    (await ask(node, 'snapshot.archives')).items.map(({ name }: { name: string }) => name),
    names,
  )
  const [newest, middle, oldest] = names as [string, string, string]
  const tried = await job(node, 'snapshot.drill', { file: oldest })
  assert.equal(tried.result.result, 'proven', JSON.stringify(tried))
  assert.equal((await ask(node, 'snapshot.delete', { file: oldest })).code, 'SNAPSHOT_LAST_PROVEN')
  assert.equal((await ask(node, 'snapshot.pin', { file: middle })).pinned, true)
  assert.equal((await ask(node, 'snapshot.delete', { file: middle })).code, 'SNAPSHOT_PINNED')
  assert.deepEqual((await ask(node, 'snapshot.cleanup', { keep: 1 })).deleted, [])
  assert.equal((await job(node, 'snapshot.drill')).result.name, newest)
  await ask(node, 'snapshot.pin', { file: middle, pinned: false })
  assert.deepEqual((await ask(node, 'snapshot.cleanup', { keep: 1 })).deleted.toSorted(), [middle, oldest].toSorted())
  assert.deepEqual(readdirSync(join(node.folder, 'snapshots')).toSorted(), [newest, `${newest}.sha256`])
  const { restores } = await ask(node, 'node.status')
  assert.ok(restores.some((one: any) => one.what === 'archive' && one.space === food && one.proven_at !== null))
  const line = readFileSync(join(node.folder, 'snapshots', `${newest}.sha256`), 'utf8')
  assert.ok(
    line.startsWith(
      createHash('sha256')
        .update(readFileSync(join(node.folder, 'snapshots', newest)))
        .digest('hex'),
    ),
  )
})
