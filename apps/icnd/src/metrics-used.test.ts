import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { metrics } from '@icn/protocol'

it('every measure is taken somewhere', () => {
  const root = join(import.meta.dirname, '../../..')
  const code = globSync(['packages/*/src/**/*.ts', 'apps/*/src/**/*.ts'], { cwd: root, exclude: (name) => name === 'node_modules' })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('protocol/src/metrics'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')
  for (const name of Object.keys(metrics)) assert.ok(code.includes(`'${name}'`), `${name} is never counted`)
})
