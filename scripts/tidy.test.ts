import assert from 'node:assert/strict'
import { it } from 'node:test'
import { tidy } from './tidy.ts'

it('keeps arrows, doors, purity and sizes', () => {
  assert.deepEqual(tidy(), [])
})
