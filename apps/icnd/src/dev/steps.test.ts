import assert from 'node:assert/strict'
import { it } from 'node:test'
import { laterBy } from './steps.ts'

it('moves by the calendar and by the clock, and knows what is not a step', () => {
  const from = new Date('2026-01-31T10:00:00Z')
  const at = (step: string): string | undefined => laterBy(from, step)?.toISOString()
  assert.equal(at('+1mo'), '2026-02-28T10:00:00.000Z')
  assert.equal(at('-2mo'), '2025-11-30T10:00:00.000Z')
  assert.equal(at('+13mo'), '2027-02-28T10:00:00.000Z')
  assert.equal(at('+2y'), '2028-01-31T10:00:00.000Z')
  assert.equal(at('+1d'), '2026-02-01T10:00:00.000Z')
  assert.equal(at('-90m'), '2026-01-31T08:30:00.000Z')
  for (const step of ['', '1d', '+d', '+1', '+1 d', '+1fortnight', '+99999999d']) assert.equal(at(step), undefined, step)
})
