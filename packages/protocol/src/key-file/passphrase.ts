import { join } from 'node:path'
import type { ReadStream } from 'node:tty'
import { Secret } from '../secret.ts'
import { readSafely } from './file.ts'
import type { KeyFile, KeyFileCrypto, OpenKeyFile } from './format.ts'
import { checkPassphrase, KeyFileRefused, openKeyFile } from './format.ts'

/** Where a passphrase comes from, first found wins (identity page §3). */
export type PassphraseSource = 'credential' | 'file' | 'environment' | 'terminal'

export interface PassphraseParts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Asks without echo; undefined: no terminal. */
  readonly ask?: (prompt: string) => Promise<Secret>
  readonly warn: (text: string) => void
}

const terminalTries = 3

/** A passphrase that lies ready; undefined when only the terminal is left. */
export async function findPassphrase(parts: PassphraseParts): Promise<{ readonly passphrase: Secret; readonly source: PassphraseSource } | undefined> {
  const { environment, warn } = parts
  const folder = environment.CREDENTIALS_DIRECTORY
  if (folder !== undefined) {
    const credential = await readSecretFile(join(folder, 'passphrase')).catch((error: unknown) => {
      if (error instanceof KeyFileRefused && error.code === 'KEY_FILE_MISSING') return undefined
      throw error
    })
    if (credential !== undefined) return { passphrase: credential, source: 'credential' }
  }
  const file = environment.ICN_PASSPHRASE_FILE
  if (file !== undefined && file !== '') return { passphrase: await readSecretFile(file), source: 'file' }
  const text = environment.ICN_PASSPHRASE
  if (text !== undefined) {
    warn('The passphrase comes from the environment, where other processes of this user can read it; a file (ICN_PASSPHRASE_FILE) is safer.')
    return { passphrase: Secret.ofText(text), source: 'environment' }
  }
  return undefined
}

/** One line; the newline at its end is cut. */
export async function readSecretFile(file: string): Promise<Secret> {
  const content = await readSafely(file, () => new KeyFileRefused('KEY_FILE_MISSING', { file, command: `touch ${file}` }))
  let end = content.length
  if (end > 0 && content[end - 1] === 10) end--
  if (end > 0 && content[end - 1] === 13) end--
  const secret = new Secret(Uint8Array.from(content.subarray(0, end)))
  content.fill(0)
  return secret
}

/** Opens a file with whatever passphrase there is; at a terminal three tries. `command` is shown when nothing is there. */
export async function unlockKeyFile(file: KeyFile, crypto: KeyFileCrypto, parts: PassphraseParts, command: string): Promise<OpenKeyFile> {
  const ready = await findPassphrase(parts)
  if (ready !== undefined) {
    using passphrase = ready.passphrase
    return await openKeyFile(file, passphrase, crypto)
  }
  if (parts.ask === undefined) throw new KeyFileRefused('PASSPHRASE_REQUIRED', { command })
  for (let left = terminalTries; ; left--) {
    using passphrase = await parts.ask(`Passphrase for ${file.label ?? file.did}: `)
    try {
      return await openKeyFile(file, passphrase, crypto)
    } catch (error) {
      if (!(error instanceof KeyFileRefused && error.code === 'PASSPHRASE_WRONG') || left <= 1) throw error
      parts.warn('That did not open it.')
    }
  }
}

/** For a new file: what lies ready, or typed twice. */
export async function choosePassphrase(parts: PassphraseParts, command: string): Promise<Secret> {
  const ready = await findPassphrase(parts)
  let passphrase = ready?.passphrase
  if (passphrase === undefined) {
    if (parts.ask === undefined) throw new KeyFileRefused('PASSPHRASE_REQUIRED', { command })
    passphrase = await parts.ask('New passphrase: ')
    using again = await parts.ask('The same again: ')
    const same = passphrase.reveal((a) => again.reveal((b) => a.length === b.length && a.every((byte, i) => byte === b[i])))
    if (!same) throw new KeyFileRefused('PASSPHRASE_WRONG')
  }
  if (checkPassphrase(passphrase).short) parts.warn('A passphrase under 12 characters is quickly guessed by whoever gets the file.')
  return passphrase
}

/** Asks at a terminal without echo. Undefined when this is none. */
export function askAt(input: ReadStream, output: { write(text: string): unknown }): ((prompt: string) => Promise<Secret>) | undefined {
  if (!input.isTTY) return undefined
  return (prompt) =>
    new Promise((resolve, reject) => {
      const typed: number[] = []
      const end = (finish: () => void): void => {
        input.off('data', onData)
        input.setRawMode(false)
        input.pause()
        output.write('\n')
        finish()
        typed.fill(0)
      }
      const onData = (chunk: Buffer): void => {
        for (const byte of chunk) {
          if (byte === 13 || byte === 10) {
            end(() => resolve(new Secret(Uint8Array.from(typed))))
            return
          }
          if (byte === 3 || byte === 4) {
            end(() => reject(new KeyFileRefused('PASSPHRASE_REQUIRED', { command: 'it again' })))
            return
          }
          if (byte === 127 || byte === 8) {
            // A whole character goes, not one byte of it.
            while (typed.length > 0 && ((typed.pop() as number) & 0xc0) === 0x80);
          } else if (byte >= 32) typed.push(byte)
        }
      }
      output.write(prompt)
      input.setRawMode(true)
      input.resume()
      input.on('data', onData)
    })
}
