import assert from 'node:assert/strict'
import { it } from 'node:test'
import { textsIn } from '../texts/index.ts'
import { cell } from './values.ts'

it('a space that a peer has more of is shown with the time since when', () => {
  const now = Date.parse('2026-01-02T12:00:00Z')
  const showing = { texts: textsIn('en'), now, wide: false, nameOf: () => undefined }
  const lag = [{ space: 'coop:food', since_at: new Date(now - 180_000).toISOString() }]
  assert.match(cell(showing, 'lag', lag), /^coop:food \(.*3 min.*\)$/)
})
