import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { readSafely, writeSafely } from '@icn/protocol/node'
import type { SentOperation, SentStore } from '../identity.ts'

const keepMs = 30 * 86_400_000

class Missing extends Error {}

/** One small file for each operation that has left and was not answered yet, in a folder beside the key. */
export function fileSent(keyFile: string): SentStore {
  const folder = `${keyFile.replace(/\.key$/, '')}.sent`
  const fileOf = (id: string): string => join(folder, `${id}.json`)
  return {
    async get(id) {
      try {
        return JSON.parse((await readSafely(fileOf(id), () => new Missing())).toString('utf8')) as SentOperation
      } catch (error) {
        if (error instanceof Missing || error instanceof SyntaxError) return undefined
        throw error
      }
    },
    async put(id, sent) {
      await writeSafely(fileOf(id), `${JSON.stringify(sent)}\n`)
    },
    async drop(id) {
      await unlink(fileOf(id)).catch(() => {})
      await clearOld(folder)
    },
  }
}

/** What a crash left behind and nobody asked for again. */
async function clearOld(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    const file = join(folder, name)
    const made = await stat(file).catch(() => undefined)
    if (made !== undefined && Date.now() - made.mtimeMs > keepMs) await unlink(file).catch(() => {})
  }
}
