import { createHash } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Did } from '@icn/protocol'
import { readSafely, writeSafely } from '@icn/protocol/node'
import type { Pin, PinStore, StoredTokens, TokenStore } from '../session.ts'

/** Sessions and pins of a person on this machine: files only their owner may read, in `<data_dir>/run/sessions`. */

class Missing extends Error {}

const nameOf = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)

async function read<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse((await readSafely(file, () => new Missing())).toString('utf8')) as T
  } catch (error) {
    // A broken file of tokens costs one sign-in; nothing else hangs on it.
    if (error instanceof Missing || error instanceof SyntaxError) return undefined
    throw error
  }
}

export function fileTokens(folder: string): TokenStore {
  const fileOf = (endpoint: string, signer: Did): string => join(folder, `${nameOf(endpoint, signer)}.json`)
  return {
    get: (endpoint, signer) => read<StoredTokens>(fileOf(endpoint, signer)),
    async set(endpoint, signer, tokens) {
      const file = fileOf(endpoint, signer)
      if (tokens === undefined) await unlink(file).catch(() => {})
      else await writeSafely(file, `${JSON.stringify({ endpoint, signer, ...tokens })}\n`)
    },
  }
}

/** What an address showed at the first sign-in; kept until somebody agrees to a change. */
export function filePins(folder: string): PinStore {
  const fileOf = (endpoint: string): string => join(folder, `${nameOf(endpoint)}.pin`)
  return {
    get: (endpoint) => read<Pin>(fileOf(endpoint)),
    async set(endpoint, pin) {
      await writeSafely(fileOf(endpoint), `${JSON.stringify({ ...pin, endpoint })}\n`)
    },
  }
}
