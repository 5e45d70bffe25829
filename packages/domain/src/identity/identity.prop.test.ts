import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Did, OperationId } from '@icn/protocol'
import fc from 'fast-check'
import type { Made, Placed } from './fixture.ts'
import { dayMs, key, ToySpace, toyRules } from './fixture.ts'
import { actsOf, checkIdentity } from './index.ts'

const people = ['Ada', 'Ben', 'Chen'] as const
const devices = ['phone', 'tablet', 'laptop'] as const
const spareKeys = ['key a', 'key b', 'key c'] as const
const signers = [...people, ...devices, ...spareKeys, 'node'] as const

interface Step {
  readonly what: 'grant' | 'nodeGrant' | 'revoke' | 'rotate' | 'freeze' | 'note' | 'device' | 'root' | 'propose' | 'confirm' | 'withdraw' | 'sweep' | 'wait'
  readonly author: string
  readonly signer: string
  readonly other: string
  /** Chooses among earlier operations for `grant` and `ref`; −1: the author signs without a grant. */
  readonly pick: number
  readonly ref: number
  readonly flag: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom<Step['what'][]>(
    'grant',
    'grant',
    'nodeGrant',
    'nodeGrant',
    'revoke',
    'revoke',
    'revoke',
    'rotate',
    'freeze',
    'note',
    'note',
    'note',
    'device',
    'root',
    'propose',
    'propose',
    'confirm',
    'confirm',
    'confirm',
    'confirm',
    'withdraw',
    'sweep',
    'wait',
  ),
  author: fc.constantFrom(...people, ...people, 'node', 'key a'),
  signer: fc.constantFrom(...signers),
  other: fc.constantFrom(...devices, ...spareKeys, 'node', 'Ben'),
  pick: fc.integer({ min: -1, max: 12 }),
  ref: fc.integer({ min: 0, max: 12 }),
  flag: fc.boolean(),
})

/** Turns steps into operations, with earlier operations' ids as grants and references: lawful and hostile ones alike. */
function makeAll(steps: readonly Step[]): Made[] {
  const space = new ToySpace()
  const made: Made[] = []
  const bearers: Made[] = []
  const proposed: Made[] = []
  for (const { what, author, signer, other, pick, ref, flag } of steps) {
    if (what === 'wait') {
      space.wait(flag ? dayMs / 24 : ref > 8 ? 15 * dayMs : dayMs / 3)
      continue
    }
    const bearer = pick < 0 ? undefined : bearers[pick % Math.max(bearers.length, 1)]
    // Mostly the key that the grant names; sometimes any other.
    const named = bearer === undefined ? undefined : nameOf(bearer)
    const by = bearer === undefined ? { signer: ref > 1 ? author : signer } : { signer: ref === 0 ? signer : (named ?? signer), grant: bearer.id }
    const who = bearer === undefined || ref === 0 ? author : nameOfDid(bearer.author)
    const target = (list: readonly Made[]): OperationId => list[ref % Math.max(list.length, 1)]?.id ?? space.genesis
    const body: Readonly<Record<Exclude<Step['what'], 'wait'>, () => [string, unknown]>> = {
      grant: () => ['identity.grant', space.grantBody(other, 'device')],
      nodeGrant: () => ['identity.grant', space.grantBody('node', 'node')],
      revoke: () => ['identity.revoke', flag ? { grantee: key(other), reason: 'lost' } : { grant: target(bearers), reason: 'lost' }],
      rotate: () => ['identity.rotate', space.rotateBody(who, other, { keep_grants: flag }, by.signer)],
      freeze: () => (ref > 9 ? ['identity.freeze', { reason: 'lost', final: flag }] : ['toy.note', { text: '' }]),
      note: () => ['toy.note', { text: '' }],
      device: () => ['toy.device', { text: '' }],
      root: () => ['toy.root', { text: '' }],
      propose: () => ['act.propose', { kind: flag ? 'toy.pair' : 'toy.trio', body: { name: other, sum: ref, ...(ref > 8 ? { about: key('Ben') } : {}) } }],
      confirm: () => ['act.confirm', { ref: target(proposed) }],
      withdraw: () => ['act.withdraw', { ref: target(proposed) }],
      sweep: () => ['identity.sweep', { items: [{ kind: 'act_expires', ref: target(proposed) }] }],
    }
    const [kind, content] = body[what]()
    const one = space.make(kind, who, content, by)
    made.push(one)
    if (what === 'grant' || what === 'nodeGrant' || what === 'rotate') bearers.push(one)
    if (what === 'propose') proposed.push(one)
  }
  return made
}

function nameOf(bearer: Made): string {
  const body = bearer.body as { grantee?: Did; new_key?: Did }
  return nameOfDid((body.grantee ?? body.new_key) as Did)
}

function nameOfDid(did: Did): string {
  return [...signers].find((name) => key(name) === did) as string
}

function foldAll(made: readonly Made[]): { readonly space: ToySpace; readonly placed: readonly Placed[] } {
  const space = new ToySpace()
  space.tables.checked = false
  const placed = [...made].sort((a, b) => a.at - b.at).map((one) => space.fold(one))
  return { space, placed }
}

const applied = (placed: readonly Placed[]): readonly Placed[] => placed.filter(({ decision }) => decision.outcome === 'lawful')

/** A second, simpler account of who may sign, kept beside the laws: I2, I3, I4 and the first half of I10. */
class Witness {
  readonly roots = new Map<Did, Did>()
  readonly everRoot = new Map<Did, Did>()
  readonly grants = new Map<OperationId, { author: Did; grantee: Did; node: boolean; parent: OperationId | undefined; until: number; ended: boolean }>()
  readonly closed = new Set<Did>()

  see(op: Placed): void {
    const root = this.roots.get(op.author) ?? op.author
    const grant = op.grant === null ? undefined : this.grants.get(op.grant)
    const byRoot = op.signer === root
    if (!byRoot) {
      assert.ok(grant !== undefined && grant.grantee === op.signer && grant.author === op.author && op.at < grant.until, `I2: ${op.kind} by a key without a grant`)
      for (let g: typeof grant | undefined = grant; g !== undefined; g = g.parent === undefined ? undefined : this.grants.get(g.parent))
        assert.ok(!g.ended, `I3: ${op.kind} under a revoked grant`)
      if (grant.node) assert.equal(toyRules.laws.get(op.kind)?.key, 'N', `I10: ${op.kind} by a node`)
      assert.notEqual(toyRules.laws.get(op.kind)?.key, 'R', `I2: ${op.kind} by a device`)
    }
    assert.ok(!this.closed.has(op.author) || op.kind === 'identity.freeze', 'a frozen identity authored something')
    this.#learn(op, byRoot)
  }

  #learn(op: Placed, byRoot: boolean): void {
    const body = op.body as { grantee?: Did; grantee_kind?: string; grant?: OperationId; not_after_at: number; new_key: Did; keep_grants: boolean }
    if (op.kind === 'identity.grant')
      this.grants.set(op.id, {
        author: op.author,
        grantee: body.grantee as Did,
        node: body.grantee_kind === 'node',
        parent: byRoot ? undefined : (op.grant ?? undefined),
        until: body.not_after_at,
        ended: false,
      })
    const end = (matches: (id: OperationId, g: { author: Did; grantee: Did }) => boolean): void => {
      for (const [id, g] of this.grants) if (matches(id, g)) g.ended = true
    }
    if (op.kind === 'identity.revoke') end((id, g) => (body.grant === undefined ? g.author === op.author && g.grantee === body.grantee : id === body.grant))
    if (op.kind === 'identity.freeze') {
      this.closed.add(op.author)
      end((_, g) => g.author === op.author)
    }
    if (op.kind !== 'identity.rotate') return
    const old = this.roots.get(op.author) ?? op.author
    assert.ok(!this.everRoot.has(body.new_key), 'I4: a key became a root twice')
    this.everRoot.set(old, op.author)
    this.everRoot.set(body.new_key, op.author)
    this.roots.set(op.author, body.new_key)
    if (!body.keep_grants) end((_, g) => g.author === op.author)
  }
}

test('I2 I3 I4 I10: what is applied was signed by a good key, whatever people and thieves try', () => {
  const kinds: Record<string, number> = {}
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      const { space, placed } = foldAll(makeAll(steps))
      const witness = new Witness()
      for (const op of applied(placed)) witness.see(op)
      for (const op of applied(placed)) kinds[op.kind] = (kinds[op.kind] ?? 0) + 1
      assert.deepEqual(checkIdentity(space.tables), [])
      for (const { row } of actsOf(space.tables, { limit: 1_000 }, 0)) {
        const persons = [row.proposer, ...row.confirmed.map(({ did }) => did)]
        assert.equal(new Set(persons).size, persons.length, 'I10: one person counted twice')
        assert.ok(!persons.includes(row.subject as Did) && !persons.includes(key('node')), 'I10: the subject or a node counted')
      }
    }),
    { numRuns: 400 },
  )
  for (const kind of ['identity.revoke', 'identity.rotate', 'act.confirm']) assert.ok((kinds[kind] ?? 0) > 5, `hardly any ${kind} was lawful: the property says nothing`)
})

test('I11: arrival order changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), fc.integer(), (steps, seed) => {
      const made = makeAll(steps)
      const straight = foldAll(made)
      const shuffled = [...made].sort((a, b) => hash(a.id, seed) - hash(b.id, seed))
      // As a journal does it: every arrival that stands before the last one folded takes back what stands after it.
      const arrived: Made[] = []
      const snapshots: { readonly upTo: number; readonly tables: ToySpace['tables'] }[] = []
      const space = new ToySpace()
      space.tables.checked = false
      let tip = space.tables.clone()
      for (const one of shuffled) {
        const at = arrived.findIndex((other) => other.at > one.at)
        const place = at < 0 ? arrived.length : at
        arrived.splice(place, 0, one)
        tip = place === 0 ? space.tables : (snapshots[place - 1] as (typeof snapshots)[number]).tables
        snapshots.length = place
        for (const next of arrived.slice(place)) {
          const fold = new ToySpace()
          fold.tables = tip.clone()
          fold.fold(next)
          tip = fold.tables
          snapshots.push({ upTo: next.at, tables: tip })
        }
      }
      assert.equal(tip.dump(), straight.space.tables.dump())
    }),
    { numRuns: 30 },
  )
})

function hash(id: string, seed: number): number {
  let n = seed | 0
  for (const c of id) n = (Math.imul(n, 31) + c.charCodeAt(0)) | 0
  return n
}
