import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HeldKey, mainSeed, newKeyFile, type OpenKeyFile, Secret, sealKeyFile, wipeKeys } from '@icn/protocol'
import { choosePassphrase, nodeKeyFileCrypto, type PassphraseParts, readKeyFile, type SigningKey, signingKeyFromSeed, unlockKeyFile, writeKeyFile } from '@icn/protocol/node'

/** The node's own keys: what signs operations, what signs tokens, what seals challenges and cursors. */
export interface NodeKeys {
  readonly key: SigningKey
  /** Of the same key: the node proves it to its peers. */
  readonly seed: Uint8Array
  readonly sessionSeed: Uint8Array
  readonly sealSeed: Uint8Array
  /** True when this start has made the key file. */
  readonly isNew: boolean
}

const command = 'ICN_PASSPHRASE_FILE=<file with the passphrase, mode 0600> icnd'

/** Opens `<data_dir>/identity.key`, or makes it at the first start. Throws KeyFileRefused with the command to run. */
export async function openNodeKeys(folder: string, passphrases: PassphraseParts, now: number): Promise<NodeKeys> {
  const file = join(folder, 'identity.key')
  if (existsSync(file)) {
    const sealed = await readKeyFile(file)
    return keysOf(await unlockKeyFile(sealed, nodeKeyFileCrypto, passphrases, command), false)
  }
  using passphrase = await choosePassphrase(passphrases, command)
  const made = newNodeFile(now)
  await writeKeyFile(file, await sealKeyFile(made, passphrase, nodeKeyFileCrypto), 'create')
  return keysOf(made, true)
}

/** A key that lives as long as the process (`--ephemeral`). */
export function ephemeralKeys(now: number): NodeKeys {
  return keysOf(newNodeFile(now), true)
}

function newNodeFile(now: number): OpenKeyFile {
  const fresh = (use: HeldKey['use']): HeldKey => ({ use, seed: new Secret(new Uint8Array(randomBytes(32))), created_at: now })
  return newKeyFile('node', new Secret(new Uint8Array(randomBytes(32))), now, { more: [fresh('session'), fresh('seal')] })
}

function keysOf(file: OpenKeyFile, isNew: boolean): NodeKeys {
  const seedOf = (use: HeldKey['use']): Uint8Array => {
    const held = file.keys.find((key) => key.use === use)
    // Older files may lack one: such a key is derived, so that it stays the same.
    return (held?.seed ?? mainSeed(file)).reveal((seed) => Uint8Array.from(seed))
  }
  const seed = mainSeed(file).reveal((bytes) => Uint8Array.from(bytes))
  const keys: NodeKeys = { key: signingKeyFromSeed(seed), seed, sessionSeed: seedOf('session'), sealSeed: seedOf('seal'), isNew }
  wipeKeys(file)
  return keys
}

/** The token of whoever runs this machine: made at the first start, mode 0600. */
export function operatorToken(folder: string): string {
  const file = join(folder, 'operator.token')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const token = randomBytes(32).toString('base64url')
  writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
  return token
}
