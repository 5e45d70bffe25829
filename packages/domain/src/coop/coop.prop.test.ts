import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MemberStatus } from '@icn/protocol'
import { dayMs, House, person } from './fixture.ts'
import { checkCoop, coopHosts, dueItems, electorate, hosts, invites, listReviews, log, members, registerAsOf } from './index.ts'
import { effectiveStewards } from './state.ts'

/** Random lives of a small coop. After every step the invariants hold that one state can show, and those between two states. */

const names = ['Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Frida', 'Gus', 'node two'] as const
type Step = { readonly what: number; readonly who: string; readonly other: string; readonly second: string; readonly n: number; readonly flag: boolean }

// Those who may decide come up more often than others, so that most steps do something.
const deciders = ['Ada', 'Ben', 'Chen', 'Ada', 'Ben', 'Chen', ...names] as const
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.nat(24),
  who: fc.constantFrom(...deciders),
  other: fc.constantFrom(...names),
  second: fc.constantFrom(...deciders),
  n: fc.nat(40),
  flag: fc.boolean(),
})
const life = (steps: number): fc.Arbitrary<Step[]> => fc.array(step, { minLength: steps, maxLength: steps, size: 'max' })

/** Runs one step, lawful or not. What a step means depends on the state, so that shrinking keeps it meaningful. */
function play(h: House, s: Step): void {
  const did = person(s.other)
  const others = names.slice(0, 4).filter((name) => name !== s.other)
  const pair = s.n % 4 === 0 ? [s.who, s.second] : [others[s.n % others.length] as string, others[(s.n + 1) % others.length] as string]
  const code = person(`code ${s.n}`)
  const anyInvite = [...h.tables.scan(invites)].map(([[ref]]) => ref)
  const ref = anyInvite[s.n % Math.max(anyInvite.length, 1)]
  const review = listReviews(h.tables).filter((row) => row.state === 'open')[0]?.op
  switch (s.what) {
    case 0:
      return void h.do('coop.member.apply', s.other, { charter_hash: h.hash, name: s.other })
    case 1:
      return void h.do('coop.member.admit', s.who, { did, roles: [s.flag ? 'member' : 'observer'] })
    case 2:
      return void h.do('coop.member.accept', s.other, { charter_hash: h.hash })
    case 3:
      return void h.do('coop.member.decline', s.who, { did, reason: 'full' })
    case 4:
      return void h.do('coop.member.confirm', s.who, { did })
    case 5:
      return void h.do('coop.member.suspend', s.who, { did, code: 'conduct', reason: 'x', until_at: h.at + (1 + (s.n % 29)) * dayMs })
    case 6:
      return void h.together('coop.member.suspend', pair, { did, code: 'conduct', reason: 'x' })
    case 7:
      return void h.do('coop.member.reinstate', s.who, { did })
    case 8:
      return void h.together('coop.member.remove', pair, { did, code: 'fraud', reason: 'x', ban: s.flag, immediate: true })
    case 9:
      return void h.together('coop.member.remove', pair, { did, code: 'conduct', reason: 'x', ban: s.flag, immediate: false })
    case 10:
      return void h.together('coop.member.unban', pair, { did, reason: 'x' })
    case 11:
      return void h.do('coop.member.resign', s.flag ? s.other : s.who, {})
    case 12:
      return void h.do('coop.member.stay', s.other, {})
    case 13:
      return void h.together('coop.member.roles', pair, { did, roles: s.flag ? ['member', 'steward'] : ['member'] })
    case 14:
      return void h.do('coop.member.roles', s.who, { did: s.flag ? person(s.who) : did, roles: s.n % 2 === 0 ? ['member'] : ['member', 'facilitator'] })
    case 15:
      return void h.do('coop.invite.create', s.who, { key: code, roles: ['member'], uses: 1 + (s.n % 3), expires_at: h.at + 10 * dayMs })
    case 16:
      return void (
        ref &&
        h.do('coop.invite.redeem', s.other, { ref, statement: { did, key: h.tables.get(invites, [ref])?.key, signature: new Uint8Array(64) }, charter_hash: h.hash, name: s.other })
      )
    case 17:
      return void (ref && h.do('coop.invite.cancel', s.who, { ref }))
    case 18:
      return void (review && h.do('coop.review.settle', s.who, { ref: review, verdict: s.flag ? 'confirmed' : 'undone' }))
    case 19:
      return void h.together('coop.host.add', pair, { did: s.flag ? person('node two') : did, label: 'attic' })
    case 20:
      return void h.do('coop.host.accept', s.flag ? 'node two' : s.other, {})
    case 21:
      return void h.together('coop.host.remove', pair, { did: person('node two'), reason: 'x' })
    case 22:
      return void h.run.wait((s.n % 10) * dayMs)
    case 23: {
      const items = dueItems(h.tables, h.at)
      return void (items.length > 0 && h.do('coop.sweep', 'node one', { items }))
    }
    default:
      return void h.do('coop.member.place', s.who, { did, number: s.n + 1 })
  }
}

/** Section 3: where each status may lead in one operation. A sweep may take two steps at once for a suspended person. */
const moves: Record<MemberStatus | 'none', readonly MemberStatus[]> = {
  none: ['applied', 'invited', 'provisional', 'active'],
  applied: ['provisional', 'active', 'declined'],
  invited: ['provisional', 'active', 'declined'],
  provisional: ['active', 'suspended', 'resigned', 'removed', 'banned', 'applied'],
  active: ['suspended', 'resigned', 'removed', 'banned', 'applied'],
  suspended: ['active', 'provisional', 'resigned', 'removed', 'banned', 'applied'],
  resigned: ['applied', 'invited', 'provisional', 'active', 'banned'],
  removed: ['applied', 'invited', 'provisional', 'active', 'banned', 'suspended'],
  banned: ['removed', 'active', 'provisional'],
  declined: ['applied', 'invited', 'provisional', 'active', 'banned'],
}

function house(trial: number): House {
  return new House({
    founders: ['Ada', 'Ben', 'Chen'].map((name) => ({ name, roles: ['member', 'steward'] })),
    charter: (text) => ({ ...text, membership: { ...text.membership, probation_days: trial, notice_days: trial } }),
  }).open()
}

test('C1–C8, C10: whatever people do, in whatever order, the coop stays a coop', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 20), life(80), (trial, steps) => {
      const h = house(trial)
      for (const s of steps) {
        const before = new Map([...h.tables.scan(members)].map(([[did], row]) => [did, row]))
        const logged = h.tables.count(log)
        play(h, s)
        assert.deepEqual(checkCoop(h.tables), [], JSON.stringify(s))
        assert.ok(effectiveStewards(h.tables, h.at).length > 0, 'C1')
        let changed = 0
        for (const [[did], row] of h.tables.scan(members)) {
          const was = before.get(did)
          if (was === row) continue
          changed++
          if (was?.status !== row.status) assert.ok(moves[was?.status ?? 'none'].includes(row.status), `C2: ${was?.status} → ${row.status}`)
          if (was !== undefined && was.number > 0 && s.what !== 24) assert.ok(row.number === was.number || row.joined_via === 'import', 'C3')
          assert.ok(h.tables.get(hosts, [did]) === undefined || row.status !== 'active' || h.tables.get(hosts, [did])?.status !== 'active', 'C5')
        }
        assert.equal(h.tables.count(log) - logged, changed, 'C10')
        const held = new Set([...h.tables.scan(members)].filter(([, row]) => row.review !== undefined).map(([[did]]) => did))
        assert.equal(
          electorate(h.tables, h.at).some((elector) => held.has(elector.did)),
          false,
          'C7',
        )
        assert.ok(coopHosts(h.tables).length > 0)
      }
    }),
    { numRuns: 60 },
  )
})

test('C10: the register as of any moment equals the register that stood then', () => {
  fc.assert(
    fc.property(life(40), (steps) => {
      const h = house(0)
      const seen: { at: number; lines: unknown }[] = []
      for (const s of steps) {
        play(h, s)
        seen.push({ at: h.at, lines: registerAsOf(h.tables, h.at) })
        h.run.wait(1)
      }
      for (const { at, lines } of seen) assert.deepEqual(registerAsOf(h.tables, at), lines)
    }),
    { numRuns: 30 },
  )
})

test('C9: the same operations in the same order give the same rows', () => {
  fc.assert(
    fc.property(life(40), (steps) => {
      const [one, two] = [house(20), house(20)]
      for (const h of [one, two]) for (const s of steps) play(h, s)
      assert.equal(one.tables.dump(), two.tables.dump())
    }),
    { numRuns: 20 },
  )
})
