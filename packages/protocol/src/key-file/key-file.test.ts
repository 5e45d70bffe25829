import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { cidOf, encodeCanonical } from '../canonical.ts'
import type { OperationId, SpaceId } from '../ids.ts'
import { Secret } from '../secret.ts'
import type { WriteStep } from './file.ts'
import { readKeyFile, writeKeyFile } from './file.ts'
import type { KeyFile, KeyFileCrypto } from './format.ts'
import { checkPassphrase, KeyFileRefused, mainSeed, newKeyFile, openKeyFile, parseKeyFile, printKeyFile, sealKeyFile } from './format.ts'
import { printPaperKey, readPaperKey } from './paper.ts'
import { choosePassphrase, findPassphrase, unlockKeyFile } from './passphrase.ts'
import { portableKeyFileCrypto } from './portable.ts'
import { ChainPositions } from './position.ts'
import { nodeKeyFileCrypto } from './sodium.ts'

const folder = mkdtempSync(join(tmpdir(), 'icn-key-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const fresh = (): string => join(folder, `${files++}`, 'ada.key')
/** Quick enough for tests, and the least that is accepted. */
const cheap = { passes: 1, memory_kib: 8_192 }
const seed = (n = 7): Secret => new Secret(new Uint8Array(32).fill(n))
const pass = (text = 'correct horse battery'): Secret => Secret.ofText(text)
const at = 1_800_000_000_000
const code = (expected: string) => (error: unknown) => error instanceof KeyFileRefused && error.code === expected

const sealed = (crypto: KeyFileCrypto = nodeKeyFileCrypto, n = 7): Promise<KeyFile> =>
  sealKeyFile(newKeyFile('person', seed(n), at, { label: 'Ada', more: [{ use: 'seal', seed: seed(9), created_at: at }] }), pass(), crypto, cheap)

test('what one platform seals the other opens, and only with the passphrase', async () => {
  for (const [writer, reader] of [
    [nodeKeyFileCrypto, nodeKeyFileCrypto],
    [nodeKeyFileCrypto, portableKeyFileCrypto],
    [portableKeyFileCrypto, nodeKeyFileCrypto],
  ] as const) {
    const file = parseKeyFile(printKeyFile(await sealed(writer)))
    const opened = await openKeyFile(file, pass(), reader)
    assert.equal(opened.did, file.did)
    assert.deepEqual(
      opened.keys.map(({ use }) => use),
      ['main', 'seal'],
    )
    assert.deepEqual(
      mainSeed(opened).reveal((bytes) => [...bytes]),
      [...new Uint8Array(32).fill(7)],
    )
    await assert.rejects(openKeyFile(file, pass('correct horse batterx'), reader), code('PASSPHRASE_WRONG'))
  }
})

test('reads the other cipher that browsers write', async () => {
  const file = await sealed()
  const nonce = new Uint8Array(12).fill(3)
  const { box: _, ...head } = { ...file, aead: { name: 'aes-256-gcm' as const, nonce } }
  const key = await nodeKeyFileCrypto.argon2id(new TextEncoder().encode('correct horse battery'), file.kdf.salt, file.kdf)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(encodeCanonical(head))
  const plain = encodeCanonical({ keys: [{ use: 'main', seed: new Uint8Array(32).fill(7), created_at: at }] })
  const box = new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
  for (const crypto of [nodeKeyFileCrypto, portableKeyFileCrypto]) assert.equal((await openKeyFile({ ...head, box }, pass(), crypto)).did, file.did)
})

test('salt and nonce are new at every write', async () => {
  const [a, b] = [await sealed(), await sealed()]
  assert.notDeepEqual(a.kdf.salt, b.kdf.salt)
  assert.notDeepEqual(a.aead.nonce, b.aead.nonce)
})

test('hostile numbers are refused before any work', async () => {
  const file = JSON.parse(printKeyFile(await sealed())) as { kdf: Record<string, unknown>; aead: Record<string, unknown> }
  const hostile = [
    { passes: 0 },
    { passes: 11 },
    { passes: 1e9 },
    { memory_kib: 8_191 },
    { memory_kib: 1_048_577 },
    { memory_kib: 2 ** 40 },
    { lanes: 2 },
    { name: 'scrypt' },
    { salt: 'AAAA' },
  ]
  const start = performance.now()
  for (const kdf of hostile) assert.throws(() => parseKeyFile(JSON.stringify({ ...file, kdf: { ...file.kdf, ...kdf } })), code('KEY_FILE_INVALID'), JSON.stringify(kdf))
  for (const change of [
    { v: 2 },
    { format: 'other' },
    { did: 'did:icn:nobody' },
    { box: 'AAAA' },
    { extra: 1 },
    { purpose: 'king' },
    { aead: { name: 'none', nonce: file.aead.nonce } },
  ])
    assert.throws(() => parseKeyFile(JSON.stringify({ ...file, ...change })), code('KEY_FILE_INVALID'), JSON.stringify(change))
  for (const text of ['', '{', 'null', '[]', '"x"', 'x'.repeat(70_000)]) assert.throws(() => parseKeyFile(text), code('KEY_FILE_INVALID'))
  assert.ok((performance.now() - start) / (hostile.length + 13) < 10, 'each in under 10 ms')
})

test('any flipped bit, a swapped box and another name are refused', async () => {
  const file = await sealed()
  const other = await sealed(nodeKeyFileCrypto, 8)
  const refused = async (changed: KeyFile): Promise<void> => assert.rejects(openKeyFile(changed, pass(), nodeKeyFileCrypto), code('PASSPHRASE_WRONG'))
  for (let bit = 0; bit < file.box.length * 8; bit += 97) {
    const box = file.box.slice()
    box[bit >> 3] = (box[bit >> 3] as number) ^ (1 << (bit & 7))
    await refused({ ...file, box })
  }
  await refused({ ...file, box: other.box })
  await refused({ ...file, label: 'Ben' })
  await refused({ ...file, created_at: at + 1 })
  await refused({ ...file, purpose: 'node' })
  await refused({ ...file, did: other.did })
  const lying = await sealKeyFile({ ...newKeyFile('person', seed(7), at), did: other.did }, pass(), nodeKeyFileCrypto, cheap)
  await assert.rejects(openKeyFile(lying, pass(), nodeKeyFileCrypto), code('KEY_FILE_MISMATCH'))
})

test('create, read again, the same DID; never over another key; only for its owner', async () => {
  const path = fresh()
  const file = await sealed()
  await assert.rejects(readKeyFile(path), code('KEY_FILE_MISSING'))
  await writeKeyFile(path, file, 'create')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  assert.equal((await readKeyFile(path)).did, file.did)
  await assert.rejects(writeKeyFile(path, await sealed(nodeKeyFileCrypto, 8), 'create'), code('KEY_EXISTS'))
  assert.equal((await readKeyFile(path)).did, file.did)
  assert.deepEqual(await readdir(join(path, '..')), ['ada.key'])
  chmodSync(path, 0o644)
  await assert.rejects(readKeyFile(path), code('KEY_FILE_PERMISSIONS'))
  chmodSync(path, 0o600)
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, 200))
  await assert.rejects(readKeyFile(path), code('KEY_FILE_INVALID'))
})

test('a crash at any step of rewriting leaves the old file or the new one', async () => {
  const [before, next] = [await sealed(), await sealKeyFile(newKeyFile('person', seed(), at, { label: 'Ada' }), pass('another passphrase'), nodeKeyFileCrypto, cheap)]
  for (const step of ['created', 'written', 'synced', 'placed', 'folder_synced'] satisfies WriteStep[]) {
    const path = fresh()
    await writeKeyFile(path, before, 'create')
    await assert.rejects(
      writeKeyFile(path, next, 'replace', (reached) => {
        if (reached === step) throw new Error('the power failed')
      }),
      /the power failed/,
    )
    const found = await readKeyFile(path)
    const isNew = step === 'placed' || step === 'folder_synced'
    assert.deepEqual(found, isNew ? next : before, step)
    await writeKeyFile(path, next, 'replace')
    assert.deepEqual(await readdir(join(path, '..')), ['ada.key'], 'nothing is left beside it')
  }
})

test('a passphrase comes from the first source that has one', async () => {
  const warnings: string[] = []
  const warn = (text: string): void => void warnings.push(text)
  const credential = join(folder, 'passphrase')
  writeFileSync(credential, 'from the credential\n', { mode: 0o600 })
  const file = join(folder, 'pass.txt')
  writeFileSync(file, 'from the file\r\n', { mode: 0o600 })
  const all = { CREDENTIALS_DIRECTORY: folder, ICN_PASSPHRASE_FILE: file, ICN_PASSPHRASE: 'from the environment' }
  const text = async (environment: Record<string, string>): Promise<unknown> => {
    const found = await findPassphrase({ environment, warn })
    return found === undefined ? undefined : [found.source, found.passphrase.reveal((bytes) => Buffer.from(bytes).toString())]
  }
  assert.deepEqual(await text(all), ['credential', 'from the credential'])
  assert.deepEqual(await text({ ...all, CREDENTIALS_DIRECTORY: join(folder, 'none') }), ['file', 'from the file'])
  assert.equal(warnings.length, 0)
  assert.deepEqual(await text({ ICN_PASSPHRASE: 'from the environment' }), ['environment', 'from the environment'])
  assert.equal(warnings.length, 1)
  assert.equal(await text({}), undefined)
  chmodSync(file, 0o640)
  await assert.rejects(text({ ICN_PASSPHRASE_FILE: file }), code('KEY_FILE_PERMISSIONS'))
  await assert.rejects(text({ ICN_PASSPHRASE_FILE: join(folder, 'missing') }), code('KEY_FILE_MISSING'))
})

test('a terminal gets three tries, nobody gets none', async () => {
  const file = await sealed()
  const typed = (...answers: string[]) => ({ environment: {}, warn: () => {}, ask: async () => pass(answers.shift() as string) })
  await assert.rejects(unlockKeyFile(file, nodeKeyFileCrypto, { environment: {}, warn: () => {} }, 'icnd'), code('PASSPHRASE_REQUIRED'))
  assert.equal((await unlockKeyFile(file, nodeKeyFileCrypto, typed('wrong one', 'wrong two', 'correct horse battery'), 'icnd')).did, file.did)
  await assert.rejects(unlockKeyFile(file, nodeKeyFileCrypto, typed('wrong one', 'wrong two', 'wrong three', 'correct horse battery'), 'icnd'), code('PASSPHRASE_WRONG'))
  const warnings: string[] = []
  await choosePassphrase({ ...typed('short one', 'short one'), warn: (text) => void warnings.push(text) }, 'icnctl')
  assert.equal(warnings.length, 1)
  await assert.rejects(choosePassphrase(typed('this is long enough', 'but not the same'), 'icnctl'), code('PASSPHRASE_WRONG'))
  for (const bad of ['', 'seven77', 'x'.repeat(1_025)]) assert.throws(() => checkPassphrase(pass(bad)), code('PASSPHRASE_UNUSABLE'))
})

test('a secret shows itself to no log, template, JSON or inspector, and is zeroed', () => {
  const bytes = new TextEncoder().encode('marked secret')
  const secret = new Secret(bytes)
  for (const shown of [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }, { depth: 9, showHidden: true }),
    String(Object.values(secret)),
    inspect(newKeyFile('node', seed(), at), { depth: 9 }),
  ])
    assert.ok(!/marked|109|7, 7/.test(shown), shown)
  secret.wipe()
  assert.ok(bytes.every((byte) => byte === 0))
  assert.equal(secret.length, 0)
})

test('a paper key comes back, forgives handwriting, and one typo is found', () => {
  const bytes = new Uint8Array(32).map((_, i) => i * 7 + 1)
  const text = printPaperKey(new Secret(bytes.slice()))
  assert.match(text, /^([0-9A-HJKMNP-TV-Z]{5} ){10}[0-9A-HJKMNP-TV-Z]{5}$/)
  const read = (paper: string): unknown => {
    try {
      return readPaperKey(paper).reveal((value) => [...value])
    } catch (error) {
      assert.ok(code('PAPER_KEY_INVALID')(error))
      return (error as KeyFileRefused).params.detail
    }
  }
  assert.deepEqual(read(text), [...bytes])
  assert.deepEqual(read(text.toLowerCase().replaceAll(' ', '-').replaceAll('0', 'o').replaceAll('1', 'l')), [...bytes])
  assert.deepEqual(read(` ${text.replaceAll('1', 'I')}\n`), [...bytes])
  const clean = text.replaceAll(' ', '')
  for (let i = 0; i < clean.length; i++) {
    for (const other of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') if (other !== clean[i]) assert.equal(read(clean.slice(0, i) + other + clean.slice(i + 1)), 'checksum')
  }
  assert.equal(read(clean.slice(1)), 'length')
  assert.equal(read(`U${clean.slice(1)}`), 'character')
})

test('a key remembers where its chains end, and no number leaves twice', async () => {
  const path = fresh()
  const id = (n: number): OperationId => cidOf(encodeCanonical(n)) as OperationId
  const space = 'coop:food' as SpaceId
  const positions = new ChainPositions(path)
  assert.equal(await positions.get(space, id(0)), undefined)
  assert.equal(await positions.claim(space, id(0), { seq: 0, operation: id(1) }), true)
  assert.equal(await positions.claim(space, id(0), { seq: 0, operation: id(1) }), true, 'the same once more is no other use')
  assert.equal(await positions.claim(space, id(0), { seq: 0, operation: id(2) }), false)
  assert.equal(await positions.claim(space, id(9), { seq: 0, operation: id(2) }), true, 'another genesis is another space')
  const race = await Promise.all([3, 4, 5, 6].map((n) => new ChainPositions(path).claim(space, id(0), { seq: 1, operation: id(n) })))
  assert.equal(race.filter(Boolean).length, 1)
  assert.equal((await new ChainPositions(path).get(space, id(0)))?.seq, 1)
  const last = await positions.get(space, id(0))
  await positions.release(space, id(0), id(1), undefined)
  assert.deepEqual(await positions.get(space, id(0)), last, 'what left later keeps its number')
  await positions.release(space, id(0), last?.operation as OperationId, { seq: 0, operation: id(1) })
  assert.deepEqual(await positions.get(space, id(0)), { seq: 0, operation: id(1) }, 'what was refused frees it')
  const file = path.replace('.key', '.positions.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!existsSync(`${file}.lock`))
  writeFileSync(`${file}.lock`, '999999999', { mode: 0o600 })
  assert.equal(await positions.claim(space, id(0), { seq: 2, operation: id(7) }), true, 'a lock whose process is gone does not hold')
  writeFileSync(file, '{')
  await assert.rejects(positions.claim(space, id(0), { seq: 3, operation: id(8) }), code('KEY_FILE_INVALID'), 'a broken file is not an empty one')
})
