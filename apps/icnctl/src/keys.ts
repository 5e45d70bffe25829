import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Did, isDid, type KeyFile, type KeyPurpose, type OpenKeyFile, type Secret } from '@icn/protocol'
import { choosePassphrase, findPassphrase, nodeKeyFileCrypto, type PassphraseParts, readKeyFile, readSafely, unlockKeyFile, writeSafely } from '@icn/protocol/node'
import { fileIdentity, keyFilePath } from '@icn/sdk/node'
import type { Identity } from '@icn/sdk'
import type { Environment } from './globals.ts'
import type { Io } from './io.ts'
import { CliRefusal } from './problems.ts'
import type { Texts } from './texts/index.ts'

/** A key of this machine, before anybody has opened it. */
export interface KeyEntry {
  readonly name: string
  readonly file: string
  readonly key: Did
  /** Whom it signs for: the key's own DID, or the person whose device it is. */
  readonly did: Did
  readonly purpose: KeyPurpose
  readonly label: string | undefined
  readonly createdAt: number
}

export interface KeyParts {
  readonly dataDir: string
  readonly environment: Environment
  readonly io: Io
  readonly texts: Texts
}

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/i

/** Keys of people in `<data_dir>/keys`. */
export class Keys {
  readonly #parts: KeyParts

  constructor(parts: KeyParts) {
    this.#parts = parts
  }

  get folder(): string {
    return join(this.#parts.dataDir, 'keys')
  }

  fileOf(name: string): string {
    if (!namePattern.test(name)) throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: name, field: 'name', reason: 'a–z 0–9 . _ -' })
    return keyFilePath(this.#parts.dataDir, name)
  }

  async list(): Promise<readonly KeyEntry[]> {
    const names = (await readdir(this.folder).catch(() => [] as string[])).filter((name) => name.endsWith('.key') && !name.startsWith('.')).map((name) => name.slice(0, -4))
    return Promise.all(names.sort().map((name) => this.entry(name)))
  }

  async entry(name: string): Promise<KeyEntry> {
    const file = this.fileOf(name)
    const sealed = await readKeyFile(file)
    const did = (await readOwner(file)) ?? sealed.did
    return { name, file, key: sealed.did, did, purpose: sealed.purpose, label: sealed.label, createdAt: sealed.created_at }
  }

  /** The one that was named, the only one, or the one that somebody at the terminal picks. Undefined: there is none. */
  async choose(wanted: string | undefined): Promise<KeyEntry | undefined> {
    const all = await this.list()
    if (wanted !== undefined) {
      const found = all.find(({ name, key }) => name === wanted || key === wanted) ?? all.find(({ did }) => did === wanted)
      if (found === undefined) throw new CliRefusal('KEY_FILE_MISSING', 'trouble.no_such_identity', { name: wanted, folder: this.folder })
      return found
    }
    const people = all.filter(({ purpose }) => purpose !== 'node')
    if (people.length <= 1) return people[0]
    const { io, texts } = this.#parts
    if (!io.interactive) throw new CliRefusal('INPUT_INVALID', 'trouble.which_identity', { names: people.map(({ name }) => name).join(', ') })
    const name = await io.askOne(
      texts.say('ask.identity'),
      people.map((one) => ({ value: one.name, label: `${one.name}  ${one.did}` })),
    )
    return people.find((one) => one.name === name)
  }

  /** Ready to sign: the passphrase is asked for when the first signature is needed. */
  identity(entry: KeyEntry): Promise<Identity> {
    return fileIdentity(entry.file, { unlock: (sealed) => this.unlock(sealed), ...(entry.did === entry.key ? {} : { did: entry.did }) })
  }

  passphrases(): PassphraseParts {
    const { environment, io, texts } = this.#parts
    const ask = io.askSecret
    const warn = (said: string): void =>
      io.note(said.includes('ICN_PASSPHRASE_FILE') ? texts.say('say.environment_passphrase') : said.includes('12 characters') ? texts.say('say.short_passphrase') : said)
    return { environment, warn, ...(ask === undefined ? {} : { ask }) }
  }

  unlock(sealed: KeyFile): Promise<OpenKeyFile> {
    return unlockKeyFile(sealed, nodeKeyFileCrypto, this.passphrases(), 'ICN_PASSPHRASE_FILE=<file> icnctl …')
  }

  newPassphrase(): Promise<Secret> {
    return choosePassphrase(this.passphrases(), 'ICN_PASSPHRASE_FILE=<file> icnctl …')
  }

  /** For changing one: the new passphrase comes from its own file, or is typed twice. */
  async changedPassphrase(): Promise<Secret> {
    const { ICN_NEW_PASSPHRASE_FILE: file } = this.#parts.environment
    const parts = this.passphrases()
    if (file === undefined) return choosePassphrase({ ...parts, environment: {} }, 'ICN_NEW_PASSPHRASE_FILE=<file> icnctl id passphrase')
    const found = await findPassphrase({ ...parts, environment: { ICN_PASSPHRASE_FILE: file } })
    return (found as { readonly passphrase: Secret }).passphrase
  }

  /** Whose device a key is. */
  async setOwner(file: string, did: Did): Promise<void> {
    await writeSafely(ownerFile(file), `${did}\n`)
  }

  async dropOwner(file: string): Promise<void> {
    await unlink(ownerFile(file)).catch(() => {})
  }
}

const ownerFile = (file: string): string => file.replace(/\.key$/, '.for')

class Missing extends Error {}

async function readOwner(file: string): Promise<Did | undefined> {
  const content = await readSafely(ownerFile(file), () => new Missing()).catch((error: unknown) => {
    if (error instanceof Missing) return undefined
    throw error
  })
  const did = content?.toString('utf8').trim()
  return did !== undefined && isDid(did) ? did : undefined
}
