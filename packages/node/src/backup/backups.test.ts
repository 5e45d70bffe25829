import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import { commonsSpace, didOfKey, hourMs, Secret } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { CallRefusal } from '../calls/refusal.ts'
import { openMetrics } from '../metrics.ts'
import { RestoreProofs } from '../snapshot/index.ts'
import { type BackupOptions, Backups } from './backups.ts'
import { backupFileName, listBackups, surplus } from './rotation.ts'
import { rulesOfSpace } from './rules.ts'
import { tryBackup } from './try.ts'

const seed = new Uint8Array(32).fill(5)
const key = signingKeyFromSeed(seed)
const node = didOfKey(key.publicKey)
const ada = didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(6)).publicKey)
const startedAt = Date.UTC(2026, 9, 1, 12)
const unencrypted = 'members-data-readable-by-anyone-with-this-file'

/** A node's data folder with a network in it, and what keeps backups of it. */
async function open(t: TestContext, more: Partial<BackupOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'icn-backups-'))
  const dir = join(folder, 'backups')
  mkdirSync(join(folder, 'run'))
  let now = startedAt
  const store = openSqliteStore({ folder: join(folder, 'store') })
  const journal = openJournal({ store, key, node, rulesOf: rulesOfSpace, wall: () => now, options: { ...journalDefaults, verifyThreads: 0 } })
  await journal.propose({
    space: commonsSpace,
    kind: 'commons.found',
    author: node,
    grant: null,
    body: { name: 'Elm', keepers: [node], stewards: [ada], nonce: new Uint8Array(16) },
  })
  const metrics = openMetrics({ version: '0', process: false })
  const proofs = new RestoreProofs({ local: journal.local, metrics, now: () => now })
  const recipientsFile = join(folder, 'recipients')
  writeFileSync(recipientsFile, `# people of the coop\n${ada}   # Ada\n\n`)
  const backups = new Backups({
    options: { dir, everyMs: 24 * hourMs, keepCount: 2, recipientsFile, drillEveryMs: 72 * hourMs, ...more },
    folder,
    local: journal.local,
    proofs,
    metrics,
    node,
    name: 'Elm',
    release: '0.1.0',
    seed,
    network: () => journal.info(commonsSpace)?.genesis,
    sign: (message) => new Uint8Array(key.sign(message)),
    now: () => now,
    fault: (error) => assert.fail(String(error)),
    told: () => {},
  })
  t.after(async () => {
    await backups.close()
    await journal.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    backups,
    proofs,
    folder,
    dir,
    recipientsFile,
    due: () => backups.runDue(new AbortController().signal),
    names: async () => (await listBackups(dir)).map(({ name }) => name),
    pass: (ms: number) => {
      now += ms
    },
    text: async () => (await metrics.text(false)).body,
  }
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof CallRefusal ? `${error.code} ${String(error.details.params?.['reason'] ?? '')}`.trim() : String(error)),
  )

it('makes one that was missed, tries it, keeps as many as it is told, and begins anew when it is time', async (t) => {
  const { backups, proofs, due, names, pass, text } = await open(t)
  await due()
  assert.deepEqual(await names(), ['elm-20261001T120000Z.icnbackup'])
  assert.equal(proofs.lastProven('backup'), startedAt)
  assert.match(await text(), /icn_backup_timestamp_seconds 1790856000\n/)
  assert.match(await text(), /icn_backup_total\{outcome="made"\} 1\n/)
  pass(23 * hourMs)
  await due()
  assert.equal((await names()).length, 1, 'not yet')
  pass(hourMs)
  await due()
  assert.equal(proofs.trials().length, 1, 'its restore was tried the day before yesterday')
  pass(24 * hourMs)
  await due()
  pass(24 * hourMs)
  await due()
  assert.equal(proofs.trials().length, 2)
  // The newest two; what was proven last is one of them by now.
  assert.deepEqual(await names(), ['elm-20261004T120000Z.icnbackup', 'elm-20261003T120000Z.icnbackup', 'elm-20261001T120000Z.icnbackup'])
  pass(24 * hourMs)
  await due()
  assert.deepEqual(await names(), ['elm-20261005T120000Z.icnbackup', 'elm-20261004T120000Z.icnbackup'])
  assert.equal(backups.last?.good_at, startedAt + 96 * hourMs)
})

it('says once an hour that it cannot, and what was good stays good', async (t) => {
  const { backups, due, names, pass, recipientsFile, text } = await open(t)
  await due()
  const people = readFileSync(recipientsFile)
  rmSync(recipientsFile)
  pass(24 * hourMs)
  await assert.rejects(due(), (error: CallRefusal) => error.code === 'BACKUP_RECIPIENTS')
  assert.deepEqual([backups.last?.code, backups.last?.good_at], ['BACKUP_RECIPIENTS', startedAt])
  assert.match(await text(), /icn_backup_total\{outcome="failed"\} 1\n/)
  await due()
  writeFileSync(recipientsFile, people)
  pass(hourMs)
  await due()
  assert.equal(backups.last?.code, undefined)
  assert.equal((await names()).length, 2)
})

it('asks for readers, and writes over nothing', async (t) => {
  const { backups, folder } = await open(t, { dir: null, recipientsFile: null })
  const file = join(folder, 'a.icnbackup')
  assert.match(await codeOf(backups.make({ file })), /^BACKUP_RECIPIENTS nobody was named/)
  assert.match(await codeOf(backups.make({ file, plaintext: 'yes' })), /^BACKUP_RECIPIENTS/)
  assert.match(await codeOf(backups.make({ file, encryptTo: ['did:icn:nobody'] })), /^BACKUP_RECIPIENTS/)
  assert.match(await codeOf(backups.make({})), /^BACKUP_FILE no file was named/)
  assert.match(await codeOf(backups.make({ file: 'here.icnbackup', plaintext: unencrypted })), /^BACKUP_FILE not an absolute path/)
  assert.match(await codeOf(backups.make({ file: join(folder, 'nowhere', 'x', 'a.icnbackup'), plaintext: unencrypted })), /^done$/, 'folders are made')
  writeFileSync(join(folder, 'identity.key'), 'dear')
  assert.match(await codeOf(backups.make({ file: join(folder, 'identity.key'), plaintext: unencrypted })), /^BACKUP_FILE something of that name/)
  assert.equal(readFileSync(join(folder, 'identity.key'), 'utf8'), 'dear')
  assert.match(await codeOf(backups.drill(undefined)), /^BACKUP_UNKNOWN/)
  assert.equal(await codeOf(backups.runDue(new AbortController().signal)), 'done', 'nothing is asked for')
  assert.ok(!existsSync(file))
})

it('a passphrase opens it as well, from a file that nobody else may read', async (t) => {
  const { backups, folder } = await open(t, { dir: null })
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'a long enough passphrase\n', { mode: 0o644 })
  const file = join(folder, 'a.icnbackup')
  assert.match(await codeOf(backups.make({ file, passphraseFile: secret })), /^BACKUP_RECIPIENTS/)
  rmSync(secret)
  writeFileSync(secret, 'a long enough passphrase\n', { mode: 0o600 })
  const made = await backups.make({ file, passphraseFile: secret })
  assert.deepEqual(made.recipients, [node])
  assert.equal((await backups.drill(file)).result, 'proven')
  const scratch = join(folder, 'scratch')
  const openedBy = (passphrase: string) => tryBackup({ file, scratch, node, network: undefined, keys: { passphrase: Secret.ofText(passphrase) } })
  assert.match(await codeOf(openedBy('another long passphrase')), /^ARCHIVE_NOT_FOR_US/)
  rmSync(scratch, { recursive: true, force: true })
  assert.equal(await codeOf(openedBy('a long enough passphrase')), 'done')
})

it('does one thing at a time, and leaves nothing behind when it is stopped in the middle', async (t) => {
  const { backups, dir, folder } = await open(t)
  const first = backups.make({})
  assert.equal(await codeOf(backups.make({ file: join(folder, 'b.icnbackup') })), 'BACKUP_RUNNING')
  const { file } = await first
  const trial = backups.drill(file)
  const stopped = assert.rejects(trial)
  await backups.close()
  await stopped
  assert.deepEqual(
    readdirSync(join(folder, 'run')).filter((name) => name.startsWith('scratch')),
    [],
  )
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.startsWith('.')),
    [],
  )
})

it('never deletes the newest that nothing speaks against, nor the newest that was proven', () => {
  const names = ['d', 'c', 'b', 'a']
  const gone = (keep: number, bad: string, proven: string) => surplus(names, keep, { isBad: (name) => bad.includes(name), isProven: (name) => proven.includes(name) })
  assert.deepEqual(gone(4, '', ''), [])
  assert.deepEqual(gone(1, '', ''), ['c', 'b', 'a'])
  assert.deepEqual(gone(1, 'd', ''), ['b', 'a'])
  assert.deepEqual(gone(1, 'dc', 'a'), ['c'])
  assert.deepEqual(gone(2, '', 'ba'), ['a'])
})

it('names files after node and time, so that they sort', () => {
  assert.equal(backupFileName('Ünser Elm/1', startedAt), 'unser-elm-1-20261001T120000Z.icnbackup')
  assert.equal(backupFileName('食', startedAt), 'node-20261001T120000Z.icnbackup')
})
