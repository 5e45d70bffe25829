import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One version for the whole house. */
export const version = (JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }).version
