import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, type Did } from '@icn/protocol'
import { didOf, TestNode } from '../fixture.ts'
import { Sessions } from './sessions.ts'

const graceMs = 10_000

/** Sessions of a node whose clock the test moves; `again` is the same node after a restart. */
function open() {
  const { journal } = new TestNode()
  const clock = { now: 1_790_000_000_000 }
  const again = (): Sessions => new Sessions({ local: journal.local, now: () => clock.now, refreshDays: 30 })
  return { clock, again, sessions: again(), local: journal.local }
}
const code = (wanted: string) => (error: { readonly code?: string }) => error.code === wanted
const given = (did: Did = didOf('ada')) => ({ did, signer: did, label: '', scopes: null, spaces: null })
let count = 0
const challenge = (clock: { readonly now: number }, nonce = `nonce ${count++}`) => ({ nonce, expiresAt: clock.now + 300_000 })

test('the former refresh token is good once more for ten seconds, and ends the session after that', () => {
  const { clock, sessions } = open()
  for (const wait of [0, graceMs]) {
    for (const reused of ['first', 'second'] as const) {
      const first = sessions.open(given(), challenge(clock))
      const second = sessions.refresh(first.refresh)
      clock.now += wait
      const third = sessions.refresh(first.refresh)
      assert.throws(() => sessions.refresh({ first, second }[reused].refresh), code('REFRESH_REUSED'))
      assert.throws(() => sessions.refresh(third.refresh), code('TOKEN_REVOKED'), 'it has ended for everybody')
    }
  }
  const late = sessions.open(given(), challenge(clock))
  const next = sessions.refresh(late.refresh)
  clock.now += graceMs + 1
  assert.throws(() => sessions.refresh(late.refresh), code('REFRESH_REUSED'))
  assert.equal(sessions.find(next.row.sid), undefined)
})

test('a token that is older than all the present ones ends the session too, also after a restart', () => {
  const { clock, sessions, again } = open()
  const first = sessions.open(given(), challenge(clock))
  const second = sessions.refresh(first.refresh)
  const third = sessions.refresh(second.refresh)
  assert.throws(() => again().refresh(first.refresh), code('REFRESH_REUSED'))
  for (const { refresh } of [first, second, third]) assert.throws(() => again().refresh(refresh), code('TOKEN_REVOKED'))
  assert.equal(again().find(third.row.sid), undefined)
})

test('a challenge that was used is used after a restart, for as long as it lives', () => {
  const { clock, sessions, again } = open()
  sessions.open(given(), challenge(clock, 'once'))
  clock.now += 299_999
  assert.equal(again().isUsed('once'), true)
  clock.now += 1
  assert.equal(again().isUsed('once'), false)
})

test('a session is over thirty days after it was last renewed', () => {
  const { clock, sessions } = open()
  const { row } = sessions.open(given(), challenge(clock))
  clock.now += 20 * dayMs
  const other = sessions.open(given(), challenge(clock))
  clock.now = row.expires_at - 1
  assert.ok(sessions.find(row.sid))
  clock.now++
  assert.equal(sessions.find(row.sid), undefined)
  assert.equal(sessions.list(didOf('ada')).length, 1)
  clock.now = other.row.expires_at
  assert.throws(() => sessions.refresh(other.refresh), code('TOKEN_EXPIRED'))
})

test('a person has fifty sessions at most, and nobody takes them from somebody else', () => {
  const { clock, sessions } = open()
  for (let i = 0; i < 50; i++) sessions.open(given(), challenge(clock))
  assert.throws(() => sessions.open(given(), challenge(clock)), code('SESSIONS_TOO_MANY'))
  assert.ok(sessions.open(given(didOf('ben')), challenge(clock)))
  sessions.end(sessions.list(didOf('ada'))[0]?.sid as string, 'logout')
  assert.ok(sessions.open(given(), challenge(clock)))
})

test('when too many challenges are remembered nobody signs in, and none is forgotten before its time', () => {
  const { clock, again, local } = open()
  local.write(Array.from({ length: 100_000 }, (_, i) => ({ key: ['auth.used', `${i}`], value: clock.now + 1 })))
  const full = again()
  assert.throws(() => full.open(given(), challenge(clock)), code('SIGN_INS_FULL'))
  assert.equal(full.isUsed('0'), true)
  clock.now++
  assert.ok(full.open(given(), challenge(clock)))
  assert.equal(full.usedCount, 1)
})
