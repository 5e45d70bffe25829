import type { CharterText, Did, OperationId, SpaceId } from '@icn/protocol'
import { cidOf, didOfKey, encodeCanonical } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import type { RunResult } from '@icn/testkit'
import { failing, LawRunner } from '@icn/testkit'
import type { TemplateId } from '../charter/index.ts'
import { charterHashOf, fillTemplate } from '../charter/index.ts'
import { coopLaws, coopProfile, memberAt } from './index.ts'

/** A cooperative for tests: people by name, a node, and the steps that everybody needs. Not a part of the module. */

const dids = new Map<string, Did>()

/** The same name is the same person everywhere. */
export function person(name: string): Did {
  let did = dids.get(name)
  if (did === undefined) {
    const seed = new Uint8Array(32)
    seed.set(new TextEncoder().encode(name).subarray(0, 31), 1)
    dids.set(name, (did = didOfKey(signingKeyFromSeed(seed).publicKey)))
  }
  return did
}

export const network = cidOf(encodeCanonical('a network for tests')) as OperationId
export const dayMs = 86_400_000
const signature = new Uint8Array(64)

export interface HouseOptions {
  readonly template?: TemplateId
  readonly founders?: readonly { readonly name: string; readonly roles?: readonly string[] }[]
  /** Changes to the charter before anybody signs it. */
  readonly charter?: (text: CharterText) => CharterText
}

const threeFounders = [
  { name: 'Ada', roles: ['member', 'steward'] },
  { name: 'Ben', roles: ['member', 'steward'] },
  { name: 'Chen', roles: ['member', 'treasurer'] },
]

export class House {
  readonly run: LawRunner
  readonly charter: CharterText
  readonly node = person('node one')
  readonly founders: readonly string[]

  constructor(options: HouseOptions = {}) {
    const founders = options.founders ?? threeFounders
    this.founders = founders.map((founder) => founder.name)
    const { charter } = fillTemplate(options.template ?? 'consumer', {
      network,
      coop_id: 'food',
      name: 'Food',
      type: 'consumer',
      founders: founders.map((founder) => ({ did: person(founder.name), name: founder.name, ...(founder.roles === undefined ? {} : { roles: founder.roles }) })),
    })
    this.charter = options.charter?.(charter) ?? charter
    this.run = new LawRunner(coopLaws(), 'coop:food' as SpaceId)
  }

  get tables() {
    return this.run.tables
  }

  get hash(): string {
    return charterHashOf(this.charter)
  }

  get at(): number {
    return this.run.at[0]
  }

  foundBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      coop_id: 'food',
      name: 'Food',
      type: 'consumer',
      template: 'consumer',
      charter: this.charter,
      host: { did: this.node, label: 'cellar' },
      calendar: { time_zone: 'UTC', offsets: [[0, 0]] },
      nonce: new Uint8Array(16),
      ...changes,
    }
  }

  statement(did: Did): Record<string, unknown> {
    return { did, key: did, signature }
  }

  found(): this {
    this.run.must('coop.found', person(this.founders[0] as string), this.foundBody())
    return this
  }

  sign(...names: readonly string[]): this {
    for (const name of names) this.run.must('coop.charter.sign', person(name), { hash: this.hash, statement: this.statement(person(name)) })
    return this
  }

  activate(): this {
    this.run.must('coop.activate', person(this.founders[0] as string), { charter_hash: this.hash })
    return this
  }

  /** Founded, signed by everybody, active, and old enough that nobody is a newcomer. */
  open(): this {
    this.found()
      .sign(...this.founders)
      .activate()
    this.run.wait(40 * dayMs)
    return this
  }

  do(kind: string, name: string, body: unknown = {}): RunResult {
    return this.run.run(kind, person(name), body)
  }

  must(kind: string, name: string, body: unknown = {}): OperationId {
    return this.run.must(kind, person(name), body)
  }

  /** What is wrong with several people doing it together; empty when it was done. */
  together(kind: string, names: readonly string[], body: unknown): readonly string[] {
    const act = coopProfile.act(kind)
    if (act === undefined) return ['ACT_UNKNOWN']
    const [first] = names
    const proposer = person(first as string)
    const parsed: unknown = act.body.parse(body)
    const op = this.run.view('act.confirm', person(names.at(-1) as string), { ref: '' })
    const rule = coopProfile.actRule(this.tables, { kind, body: parsed, proposer, at: op.at[0] })
    if (rule === undefined) return ['ACT_UNKNOWN']
    const persons = names.map(person)
    const codes = persons.flatMap((did) => failing({ checks: rule.eligible(did) }))
    if (rule.vote) codes.push('ACT_NEEDS_VOTE')
    const subject = act.subject?.(parsed)
    if (new Set(persons).size !== persons.length || (subject !== undefined && persons.includes(subject))) codes.push('ACT_SAME_PERSON')
    if (persons.length < rule.need) codes.push('NEEDS_SECOND')
    const context = { op, body: parsed, proposer, persons, way: 'act' as const }
    codes.push(...failing({ checks: act.check(context, this.tables) }))
    if (codes.length === 0) act.apply(context, this.tables)
    return codes
  }

  /** Lets somebody in by application, so that tests begin with a plain member. */
  join(name: string, sponsor = 'Ada'): this {
    this.must('coop.member.apply', name, { charter_hash: this.hash, name })
    const status = this.status(name)
    if (status === 'active' || status === 'provisional') return this
    this.must('coop.member.admit', sponsor, { did: person(name), roles: ['member'] })
    return this
  }

  status(name: string): string | undefined {
    return this.member(name)?.status
  }

  member(name: string) {
    return memberAt(this.tables, person(name), this.at)
  }
}
