import type { ActContext } from './index.ts'
import type { Decision, Did, KeyClass, Law, OperationId, OperationView, SettledCut, SpaceId } from '@icn/protocol'
import { cidOf, decisionOf, didOfKey, encodeCanonical, int, Judgement, part, table, text } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { failing, MemoryTables } from '@icn/testkit'
import { z } from 'zod'
import { composeRules } from '../rules.ts'
import type { ActKind, SpaceProfile, Standing } from './profile.ts'

/** A space for tests with people, nodes, and four small kinds; everything goes through guard and law as in the journal. Not a part of the module. */

const dids = new Map<string, Did>()

/** The same name is the same key everywhere. */
export function key(name: string): Did {
  let did = dids.get(name)
  if (did === undefined) {
    const seed = new Uint8Array(32)
    seed.set(new TextEncoder().encode(name).subarray(0, 31), 1)
    did = didOfKey(signingKeyFromSeed(seed).publicKey)
    dids.set(name, did)
  }
  return did
}

export const dayMs = 86_400_000
export const minuteMs = 60_000

const people = table('toy.people', [part.text<Did>()], z.string())
const notes = table('toy.notes', [part.text<OperationId>()], z.strictObject({ author: z.string(), signer: z.string() }))
/** A rule that has changed since: so many persons, 0 a vote. */
const changedNeeds = table('toy.needs', [part.text()], z.int())
const pairs = table('toy.pairs', [part.text()], z.strictObject({ persons: z.array(z.string()), sum: z.int() }))

const NoteBody = z.strictObject({ text: text(0, 100) })
const note = (kind: string, key: KeyClass): Law<z.output<typeof NoteBody>> => ({
  kind,
  key,
  body: NoteBody,
  decide: () => new Judgement().decision(),
  apply: (op, tables) => tables.put(notes, [op.id], { author: op.author, signer: op.signer }),
})

const PairBody = z.strictObject({ name: text(1, 20), sum: int(0, 100), about: z.string().optional() })
type PairBody = z.output<typeof PairBody>
const pair = (kind: string, key: KeyClass): ActKind<PairBody> => ({
  kind,
  key,
  body: PairBody,
  subject: (body) => body.about as Did | undefined,
  check({ body }, facts) {
    const j = new Judgement()
    j.refuseIf((facts.get(pairs, [body.name])?.sum ?? 0) + body.sum > 100, 'MEMBERS_FULL', { limit: 100 })
    return j.checks
  },
  apply({ body, persons }: ActContext<PairBody>, tables) {
    tables.put(pairs, [body.name], { persons: [...persons], sum: (tables.get(pairs, [body.name])?.sum ?? 0) + body.sum })
  },
})

const acts = new Map([pair('toy.solo', 'N'), pair('toy.pair', 'N'), pair('toy.trio', 'D'), pair('toy.vote', 'N')].map((act) => [act.kind, act]))
const needs: Readonly<Record<string, number>> = { 'toy.solo': 1, 'toy.pair': 2, 'toy.trio': 3, 'toy.vote': 2, 'space.adopt': 2 }

export const toyProfile: SpaceProfile = {
  standing: (facts, did) => (facts.get(people, [did]) as Standing | undefined) ?? 'none',
  isKnownNode: (facts, did) => facts.get(people, [did]) === 'node',
  hosts: (facts) => [...facts.scan(people)].filter(([, standing]) => standing === 'node').map(([[did]]) => did),
  hasLapsed: () => false,
  electorate: () => [],
  recoveryRule: (facts, subject) => (facts.get(people, [subject]) === 'member' ? { need: 2, delay_ms: dayMs, eligible: () => true } : undefined),
  actRule(facts, { kind }) {
    const changed = facts.get(changedNeeds, [kind])
    const need = changed ?? needs[kind]
    return need === undefined
      ? undefined
      : {
          need,
          vote: kind === 'toy.vote' || changed === 0,
          eligible: (did) => (facts.get(people, [did]) === 'member' ? [] : [{ code: 'NOT_A_MEMBER', result: 'fail', params: { did } }]),
        }
  },
  act: (kind) => acts.get(kind),
  rights: (facts, did) => (facts.get(people, [did]) === 'member' ? ['member'] : []),
}

export const toyRules = composeRules({
  profile: toyProfile,
  laws: [note('toy.root', 'R'), note('toy.device', 'D'), note('toy.note', 'N')],
  tables: [people, notes, changedNeeds, pairs],
  check: () => [],
})

export interface Placed {
  readonly id: OperationId
  readonly kind: string
  readonly author: Did
  readonly signer: Did
  readonly grant: OperationId | null
  readonly at: number
  readonly body: unknown
  readonly decision: Decision
  readonly codes: readonly string[]
}

/** One operation that is still to be folded; ids are fixed when it is made, so that any order can be tried. */
export interface Made extends Omit<Placed, 'decision' | 'codes'> {
  readonly settled?: SettledCut
}

export class ToySpace {
  tables = new MemoryTables()
  now = 1_800_000_000_000
  readonly space = 'coop:toy' as SpaceId
  readonly genesis = cidOf(encodeCanonical('genesis')) as OperationId
  #n = 0

  constructor(names: Readonly<Record<string, Standing>> = { Ada: 'member', Ben: 'member', Chen: 'member', node: 'node' }) {
    for (const [name, standing] of Object.entries(names)) this.tables.put(people, [key(name)], standing)
  }

  setStanding(name: string, standing: Standing): void {
    this.tables.put(people, [key(name)], standing)
  }

  /** From now on the kind needs so many persons; 0: a vote. */
  setNeed(kind: string, need: number): void {
    this.tables.put(changedNeeds, [kind], need)
  }

  wait(ms: number): void {
    this.now += ms
  }

  make(
    kind: string,
    author: string,
    body: unknown,
    by: { readonly signer?: string; readonly grant?: OperationId | null; readonly at?: number; readonly settled?: SettledCut } = {},
  ): Made {
    const at = by.at ?? ++this.now
    const id = cidOf(encodeCanonical({ kind, author, n: this.#n++ })) as OperationId
    return { id, kind, author: key(author), signer: key(by.signer ?? author), grant: by.grant ?? null, at, body, ...(by.settled === undefined ? {} : { settled: by.settled }) }
  }

  fold(made: Made): Placed {
    const law = toyRules.laws.get(made.kind)
    if (law === undefined) throw new Error(`no law for ${made.kind}`)
    const op: OperationView = { ...made, space: this.space, genesis: this.genesis, seq: 0, at: [made.at, 0], body: law.body.parse(made.body), key: law.key }
    const decision = decisionOf([...toyRules.guard(op, this.tables), ...law.decide(op, this.tables).checks])
    if (decision.outcome === 'lawful') law.apply(op, this.tables)
    return { ...made, decision, codes: failing(decision) }
  }

  run(kind: string, author: string, body: unknown, by: Parameters<ToySpace['make']>[3] = {}): Placed {
    return this.fold(this.make(kind, author, body, by))
  }

  must(kind: string, author: string, body: unknown, by: Parameters<ToySpace['make']>[3] = {}): OperationId {
    const placed = this.run(kind, author, body, by)
    if (placed.decision.outcome !== 'lawful') throw new Error(`${kind} was ${placed.decision.outcome}: ${placed.codes.join(' ')}`)
    return placed.id
  }

  grantBody(grantee: string, kind: 'device' | 'node', more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      grantee: key(grantee),
      grantee_kind: kind,
      scopes: kind === 'node' ? ['toy.*', 'act.*'] : ['toy.*', 'act.*', 'identity.grant', 'identity.revoke', 'identity.freeze'],
      not_before_at: this.now,
      not_after_at: this.now + (kind === 'node' ? dayMs / 2 : 100 * dayMs),
      label: grantee,
      ...more,
    }
  }

  /** Lets a device or node sign for somebody; the grant's id. */
  allow(author: string, grantee: string, kind: 'device' | 'node', more: Readonly<Record<string, unknown>> = {}, by: Parameters<ToySpace['make']>[3] = {}): OperationId {
    return this.must('identity.grant', author, this.grantBody(grantee, kind, more), by)
  }

  rotateBody(author: string, newKey: string, more: Readonly<Record<string, unknown>> = {}, oldKey = author): Record<string, unknown> {
    return {
      new_key: key(newKey),
      proof: { did: key(author), key: key(newKey), old_key: key(oldKey), signature: new Uint8Array(64) },
      reason: 'scheduled',
      keep_grants: false,
      ...more,
    }
  }

  noteOf(id: OperationId): unknown {
    return this.tables.get(notes, [id])
  }

  pairOf(name: string): { readonly persons: readonly string[]; readonly sum: number } | undefined {
    return this.tables.get(pairs, [name])
  }
}
