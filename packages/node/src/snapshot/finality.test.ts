import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hosts as hostRows } from '@icn/domain'
import { dayMs, type Did, didOfKey, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { MemoryTables } from '@icn/testkit'
import { finalityView, neededOf } from './finality.ts'
import { isEnough } from './rules.ts'

const food = 'coop:food' as SpaceId
const start = 1_790_000_000_000
const names = ['Elm', 'Oak', 'Ash', 'Fir'] as const
const [elm, oak, ash, fir] = names.map((_, index) => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(index + 1)).publicKey)) as [Did, Did, Did, Did]

/** What a node says where these hosts count, and these are in touch. */
function said({ before, now = before, here, removed = [] }: { before: readonly Did[]; now?: readonly Did[]; here: readonly Did[]; removed?: readonly Did[] }) {
  const facts = new MemoryTables()
  for (const [index, did] of [elm, oak, ash, fir].entries())
    facts.put(hostRows, [did], {
      status: removed.includes(did) ? 'removed' : 'active',
      label: names[index] as string,
      added_by: elm,
      added_at: start,
      note: '',
      ...(removed.includes(did) ? { ended_at: start } : {}),
    })
  const journal = { read: () => facts, info: () => ({ readOnly: false }), quarantine: () => [], cuts: { hosts: () => ({ previous: null, cut: null, before, now }) } }
  const view = (language: 'en' | 'es') => finalityView({ journal: journal as never, participants: () => here }, food, language)
  return { view: view('en'), says: view('en')?.says ?? '', es: view('es')?.says ?? '' }
}

describe('what the next cut needs, in words', () => {
  it('of one host: itself, and that this is little', () => {
    const { view, says } = said({ before: [elm], here: [elm] })
    assert.deepEqual([view?.hosts_count, view?.needed, view?.here, view?.enough, view?.few_witnesses], [1, 1, 1, true, true])
    assert.match(says, /^Final as soon as this one host says so: .* not against that host\. These are fewer than three independent witnesses\.$/)
  })

  it('of two: both, and who is away', () => {
    assert.equal(said({ before: [elm, oak], here: [elm, oak] }).says, 'Both hosts must sign before anything is final. These are fewer than three independent witnesses.')
    const { view, says, es } = said({ before: [elm, oak], here: [elm] })
    assert.deepEqual([view?.needed, view?.missing, view?.enough], [2, [oak], false])
    assert.match(says, /Missing now: Oak\. Work goes on, nothing becomes final until it is back\. If it is gone for good: stewards remove it, and 7 days later/)
    assert.match(es, /Faltan ahora: Oak\. El trabajo sigue/)
  })

  it('of three and more: more than half; one away stops nothing, a majority lost does', () => {
    const one = said({ before: [elm, oak, ash], here: [elm, oak] })
    assert.equal(one.says, '2 of 3 hosts must sign before anything is final; 2 are here. Missing now: Ash.')
    const lost = said({ before: [elm, oak, ash], here: [elm] })
    assert.equal(lost.view?.enough, false)
    assert.match(lost.says, /two persons together, and 7 days later/)
  })

  it('of hosts that were removed: who still counts until when, and that either side of a split could do so', () => {
    const { view, says } = said({ before: [elm, oak], now: [elm], here: [elm], removed: [oak] })
    assert.deepEqual(view?.shrinking, { until_at: new Date(start + 7 * dayMs).toISOString(), hosts: [oak] })
    assert.match(says, /The host set is shrinking: Oak removed;.*each side of a lasting split could do so/)
    assert.equal(said({ before: [elm, oak], here: [elm] }).view?.shrinking, null)
  })
})

it('so many are needed that no fewer are more than half of both sets', () => {
  const all = [elm, oak, ash, fir]
  const subsets = (from: readonly Did[]): Did[][] => from.reduce<Did[][]>((found, did) => [...found, ...found.map((one) => [...one, did])], [[]])
  for (const before of subsets(all).filter(({ length }) => length > 0))
    for (const now of subsets(all).filter(({ length }) => length > 0)) {
      const fewest = Math.min(...subsets(all).flatMap((who) => (isEnough(new Set(who), before, now) ? [who.length] : [])))
      assert.equal(neededOf(before, now), fewest, `${before.length} and ${now.length}`)
    }
})
