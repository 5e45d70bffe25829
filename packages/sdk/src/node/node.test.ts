import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { newKeyFile, Secret, sealKeyFile } from '@icn/protocol'
import { nodeKeyFileCrypto, writeKeyFile } from '@icn/protocol/node'
import { connect } from '../client.ts'
import { openWorld, signFood, personOf, type World } from '../fixture.ts'
import { fileIdentity, openIdentity } from './identity.ts'
import { filePins, fileTokens } from './session-files.ts'

let world: World
let folder: string
let file: string
const cheap = { passes: 1, memory_kib: 8_192 }

before(async () => {
  world = await openWorld()
  folder = await mkdtemp(join(tmpdir(), 'icn-sdk-'))
  file = join(folder, 'keys', 'ada.key')
  using passphrase = Secret.ofText('correct horse')
  const key = newKeyFile('person', new Secret(new Uint8Array(32).fill(7)), Date.now())
  await writeKeyFile(file, await sealKeyFile(key, passphrase, nodeKeyFileCrypto, cheap), 'create')
})
after(async () => {
  await world[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

it('opens a key only when something is to be signed, and says at once when the passphrase is wrong', async () => {
  let unlocked = 0
  const identity = await fileIdentity(file, {
    unlock: async () => {
      unlocked++
      throw new Error('not today')
    },
  })
  assert.match(identity.did, /^did:icn:z6Mk/)
  assert.equal(unlocked, 0)
  using wrong = Secret.ofText('wrong horse')
  await assert.rejects(openIdentity(file, wrong), (error: { code?: string }) => error.code === 'PASSPHRASE_WRONG')
})

it('keeps tokens, pins and positions in files that nobody else may read', async () => {
  const run = join(folder, 'run', 'sessions')
  using passphrase = Secret.ofText('correct horse')
  const identity = await openIdentity(file, passphrase)
  const ada = connect(world.rest, { identity, tokens: fileTokens(run), pins: filePins(run) })
  await ada.me.get()
  // A second process needs no key.
  const locked = await fileIdentity(file, { unlock: () => Promise.reject(new Error('locked')) })
  assert.equal((await connect(world.rest, { identity: locked, tokens: fileTokens(run), pins: filePins(run) }).me.get()).did, identity.did)
  for (const name of await readdir(run)) assert.equal((await stat(join(run, name))).mode & 0o777, 0o600)
})

it('never uses a number twice, with two processes writing at once', async () => {
  using passphrase = Secret.ofText('correct horse')
  const identity = await openIdentity(file, passphrase)
  const ada = connect(world.rest, { identity })
  await ada.coop.create({
    id: 'food',
    name: 'Food Coop',
    type: 'consumer',
    min_founders: 1,
    founders: [
      { did: identity.did, name: 'Ada', roles: ['member', 'steward'] },
      { did: personOf('Ben').did, name: 'Ben' },
    ],
  })
  await signFood(world.as('Ben'), 'Ben')
  await Promise.all([1, 2].map((which) => writer(which)))
  const log = await ada.operation.list({ space: 'coop:food', author: identity.did, limit: 200 }).page()
  const places = await Promise.all(log.items.map(({ id }) => ada.operation.get({ operation_id: id })))
  const seqs = places.map(({ operation }) => operation.seq)
  assert.deepEqual(
    [...seqs].sort((a, b) => a - b),
    Array.from({ length: seqs.length }, (_, i) => i),
  )
  assert.equal(log.items.filter(({ status }) => status === 'forked').length, 0)
  assert.equal(log.items.filter(({ kind }) => kind === 'identity.grant').length, 10)
  assert.deepEqual(await readdir(join(folder, 'keys', 'ada.sent')), [])
})

/** Five permissions from a process of its own. */
function writer(which: number): Promise<void> {
  const code = `
    import { connect } from ${JSON.stringify(join(import.meta.dirname, '..', 'index.ts'))}
    import { openIdentity } from ${JSON.stringify(join(import.meta.dirname, 'identity.ts'))}
    import { Secret, didOfKey, portableSigner } from '@icn/protocol'
    const identity = await openIdentity(${JSON.stringify(file)}, Secret.ofText('correct horse'))
    const icn = connect(${JSON.stringify(world.rest)}, { identity })
    for (let i = 0; i < 5; i++) {
      const grantee = didOfKey(portableSigner(new Uint8Array(32).fill(100 * ${which} + i)).publicKey)
      await icn.identity.grant({ space: 'coop:food', grantee, grantee_kind: 'device', scopes: ['coop.*'], for_ms: 86400000, label: 'Device' })
    }`
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('exit', (status) => (status === 0 ? resolve() : reject(new Error(`ended with ${status}`))))
  })
}
