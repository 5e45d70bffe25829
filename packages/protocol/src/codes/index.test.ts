import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { codes } from './index.ts'

it('each code stands in one file', async () => {
  const found: string[] = []
  for (const file of readdirSync(import.meta.dirname).filter((name) => !/^(index|define|classes)|\.test\.ts$/.test(name)))
    for (const rows of Object.values((await import(join(import.meta.dirname, file))) as Record<string, object>)) found.push(...Object.keys(rows))
  assert.deepEqual(found.toSorted(), Object.keys(codes).toSorted())
})
