import type { Charter, CharterDocument, CharterDraft, CharterSign, CoopActivate, CoopFound, Did, Facts, Law, OperationView, Tables } from '@icn/protocol'
import {
  CharterDraft as CharterDraftBody,
  CharterSign as CharterSignBody,
  charterHashOf,
  charterStatementPayload,
  CoopActivate as CoopActivateBody,
  CoopFound as CoopFoundBody,
  isCoopId,
  Judgement,
  nameText,
} from '@icn/protocol'
import { foundersIn, lint, numberIn, readCharter, rulesOf } from '../charter/index.ts'
import { rootOf } from '../identity/index.ts'
import { checkCalendar } from './calendar.ts'
import { checkStatus, directCase } from './kind.ts'
import { coopRow, effectiveStewards, foundersOf, isFounder } from './state.ts'
import type { MemberRow } from './tables.ts'
import { calendar, charters, coopTable, counts, hosts, members, numbers, rulesTable, settings, signatures } from './tables.ts'
import type { Case } from './write.ts'
import { addCount, directedInviteDays, endMember, setOffices, writeMember } from './write.ts'

/** Larger: one activation writes too many rows; smaller: assemblies that found together are shut out. */
export const foundersMax = 50

const nameFits = (name: string): boolean => nameText(1, 120).safeParse(name).success

/** Something near that would fit the grammar of ids, for the remedy. */
export function suggestCoopId(text: string): string {
  const plain = text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
    .replace(/-+$/, '')
  return isCoopId(plain) ? plain : `coop-${plain.slice(0, 40) || 'one'}`
}

/** What must hold of a charter's people and text whenever it is put forward; in the order of the founding's checks. */
function checkCharter(j: Judgement, document: CharterDocument, author: Did, hosting: (did: string) => boolean): void {
  const founders = foundersIn(document)
  const dids = founders.map((founder) => founder.did)
  const minFounders = numberIn(document, 'membership', 'min_founders')
  const minMembers = numberIn(document, 'membership', 'min_members')
  j.refuseIf(!dids.includes(author), 'NOT_A_FOUNDER')
  j.refuseIf(new Set(dids).size !== dids.length, 'FOUNDERS_REPEATED')
  j.refuseIf(dids.length < 1 || dids.length > foundersMax, 'FOUNDERS_COUNT', { params: { limit: foundersMax, count: dids.length }, limit: foundersMax, used: dids.length })
  j.refuseIf(minFounders !== undefined && (minFounders < 1 || minFounders > dids.length), 'MIN_FOUNDERS', { params: { have: dids.length, need: minFounders } })
  // More members than there are founders could never be there at activation, because nobody can be admitted before it.
  j.refuseIf(minMembers !== undefined && (minMembers < 1 || minMembers > dids.length), 'MIN_MEMBERS', { params: { have: dids.length, need: minMembers } })
  j.refuseIf(!founders.some((founder) => founder.roles.includes('steward')), 'STEWARD_MISSING')
  const node = dids.find(hosting)
  j.refuseIf(node !== undefined, 'NODE_AS_MEMBER', { params: { did: node } })
}

/** The lint's errors, with those about the unit said by their own code. */
function checkLint(j: Judgement, document: CharterDocument): { readonly unitFits: boolean } {
  const errors = lint(document).filter((finding) => finding.severity === 'error')
  const others = errors.filter((finding) => !finding.pointer.startsWith('/unit'))
  j.refuseIf(others.length > 0, 'CHARTER_INVALID', { params: { count: others.length, pointer: others[0]?.pointer, findings: others.slice(0, 20) } })
  return { unitFits: errors.length === others.length }
}

function checkUnit(j: Judgement, unitFits: boolean, document: CharterDocument): void {
  j.refuseIf(!unitFits, 'UNIT_INVALID', { params: { unit: document['unit'] } })
}

function mismatches(document: CharterDocument, expected: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(expected)
    .filter(([field, value]) => document[field] !== value)
    .map(([field]) => field)
}

export const foundLaw: Law<CoopFound> = {
  kind: 'coop.found',
  key: 'R',
  body: CoopFoundBody as Law<CoopFound>['body'],
  decide(op, facts) {
    const j = new Judgement()
    const { body } = op
    const expected = `coop:${body.coop_id}`
    j.refuseIf(op.space !== expected, 'SPACE_MISMATCH', { params: { space: op.space, expected } })
    j.refuseIf(coopRow(facts) !== undefined, 'ALREADY_FOUNDED')
    j.refuseIf(!isCoopId(body.coop_id), 'COOP_ID_INVALID', { params: { coop_id: body.coop_id, suggestion: suggestCoopId(body.coop_id) } })
    j.refuseIf(!nameFits(body.name), 'NAME_INVALID', { params: { limit: 120 } })
    checkCharter(j, body.charter, op.author, (did) => did === body.host.did)
    const { unitFits } = checkLint(j, body.charter)
    // The network is compared at the door that takes the genesis in: a law knows only its own space, and this operation makes it.
    const differing = mismatches(body.charter, { coop_id: body.coop_id, name: body.name, type: body.type })
    j.refuseIf(differing.length > 0, 'CHARTER_MISMATCH', { params: { fields: differing } })
    checkUnit(j, unitFits, body.charter)
    checkCalendar(j, body.calendar.offsets)
    return j.decision()
  },
  apply(op, tables) {
    const { body } = op
    const at = op.at[0]
    const charter = readCharter(body.charter) as Charter
    const hash = charterHashOf(body.charter)
    tables.put(coopTable, [], {
      coop_id: charter.coop_id,
      genesis: op.id,
      name: body.name,
      type: body.type,
      status: 'forming',
      founded_at: at,
      founded_by: op.author,
      charter_version: 1,
      charter_hash: hash,
      ratified: false,
      template: body.template,
    })
    tables.put(charters, [1], { charter: body.charter, hash, by: op.author, at, adopted_by: op.id })
    tables.put(hosts, [body.host.did], { status: 'active', label: body.host.label, added_by: op.author, added_at: at, accepted_at: at, note: '' })
    addCount(tables, 'hosts.active', 1)
    tables.put(calendar, [], { time_zone: body.calendar.time_zone, offsets: body.calendar.offsets })
    for (const [field, value] of [
      ['name', body.name],
      ['language', charter.language],
      ['currency', charter.unit.code],
    ] as const)
      tables.put(settings, [field], { value, op: op.id, at, by: op.author })
    tables.put(counts, ['numbers.next'], charter.founders.length + 1)
    tables.emit('coop.created', { coop_id: charter.coop_id, genesis: op.id, type: body.type, founder: op.author })
  },
}

export const charterDraftLaw: Law<CharterDraft> = {
  kind: 'coop.charter.draft',
  key: 'D',
  body: CharterDraftBody as Law<CharterDraft>['body'],
  decide(op, facts) {
    const j = new Judgement()
    if (!checkStatus(facts, j, ['forming'])) return j.decision()
    const coop = coopRow(facts) as NonNullable<ReturnType<typeof coopRow>>
    const first = facts.get(charters, [1])
    // The author must be a founder of the text that stands; that they stay one in the new text is checked below.
    j.refuseIf(!isFounder(facts, op.author), 'NOT_A_FOUNDER')
    j.refuseIf(op.body.base_hash !== coop.charter_hash, 'BASE_CHANGED', { params: { hash: coop.charter_hash } })
    const { unitFits } = checkLint(j, op.body.charter)
    const differing = mismatches(op.body.charter, { coop_id: coop.coop_id, name: coop.name, type: coop.type, network: first?.charter['network'] })
    j.refuseIf(differing.length > 0, 'CHARTER_MISMATCH', { params: { fields: differing } })
    checkCharter(j, op.body.charter, op.author, (did) => facts.get(hosts, [did as Did]) !== undefined)
    checkUnit(j, unitFits, op.body.charter)
    return j.decision()
  },
  apply(op, tables) {
    const c = directCase(op)
    const coop = coopRow(tables) as NonNullable<ReturnType<typeof coopRow>>
    const hash = charterHashOf(op.body.charter)
    const charter = readCharter(op.body.charter) as Charter
    if (hash === coop.charter_hash) return
    // Every signature was over the old text. Who had become a member by signing is a founder to be asked again, and is out of the register until then.
    for (const [key] of [...tables.scan(signatures, { prefix: [1] })]) tables.delete(signatures, key)
    for (const [[did], row] of [...tables.scan(members)])
      withdrawFounder(
        tables,
        c,
        row,
        charter.founders.some((founder) => founder.did === did),
      )
    tables.put(counts, ['numbers.next'], Math.max(tables.get(counts, ['numbers.next']) ?? 1, charter.founders.length + 1))
    tables.put(charters, [1], { charter: op.body.charter, hash, by: op.author, at: op.at[0], adopted_by: op.id })
    tables.put(coopTable, [], { ...coop, charter_hash: hash, ratified: false })
    tables.put(settings, ['currency'], { value: charter.unit.code, op: op.id, at: op.at[0], by: op.author })
    tables.put(settings, ['language'], { value: charter.language, op: op.id, at: op.at[0], by: op.author })
    tables.emit('coop.charter_drafted', { coop_id: coop.coop_id, hash, by: op.author })
  },
}

/** Puts a signed founder back to `invited`, with the number kept; who is no longer named is out. */
function withdrawFounder(tables: Tables, c: Case, row: MemberRow, named: boolean): void {
  if (!named) {
    if (row.status !== 'declined') endMember(tables, c, row, { status: 'declined', code: 'not_named' })
    return
  }
  setOffices(tables, c, { did: row.did, roles: [], given_by: null }, row.roles)
  const { version: _v, admitted_at: _a, full_at: _f, charter: _h, ended_at: _e, end_code: _c, ...kept } = row
  writeMember(tables, c, { ...kept, status: 'invited', roles: ['member'], invited_at: row.invited_at ?? c.op.at[0] })
}

export const charterSignLaw: Law<CharterSign> = {
  kind: 'coop.charter.sign',
  key: 'D',
  body: CharterSignBody as Law<CharterSign>['body'],
  statements(body, context) {
    const coop_id = context.space.slice(5)
    const payload = charterStatementPayload({ network: context.network, space: context.space, hash: body.hash, coop_id, version: 1 })
    return [{ purpose: 'charter', key: body.statement.key, payload, signature: body.statement.signature }]
  },
  decide(op, facts) {
    const j = new Judgement()
    if (!checkStatus(facts, j, ['forming'])) return j.decision()
    const coop = coopRow(facts) as NonNullable<ReturnType<typeof coopRow>>
    j.refuseIf(!isFounder(facts, op.author), 'NOT_A_FOUNDER')
    j.refuseIf(op.body.hash !== coop.charter_hash, 'CHARTER_CHANGED', { params: { hash: coop.charter_hash } })
    j.refuseIf(facts.get(signatures, [1, op.author]) !== undefined, 'ALREADY_SIGNED')
    const { statement } = op.body
    j.refuseIf(statement.did !== op.author || statement.key !== rootOf(facts, op.author), 'STATEMENT_KEY')
    return j.decision()
  },
  apply(op, tables) {
    const c = directCase(op)
    const coop = coopRow(tables) as NonNullable<ReturnType<typeof coopRow>>
    const at = op.at[0]
    tables.put(signatures, [1, op.author], { key: op.body.statement.key, signature: op.body.statement.signature, at, op: op.id, hash: op.body.hash })
    const founders = foundersOf(tables)
    const index = founders.findIndex((founder) => founder.did === op.author)
    const founder = founders[index] as (typeof founders)[number]
    enrolFounder(tables, c, founder, index + 1, 'active')
    const signed = tables.count(signatures, { prefix: [1] })
    const ratified = signed >= minFoundersOf(tables)
    tables.emit('coop.charter_signed', { coop_id: coop.coop_id, did: op.author, hash: op.body.hash, signed })
    if (ratified && !coop.ratified) {
      tables.put(coopTable, [], { ...coop, ratified: true })
      tables.emit('coop.charter_ratified', { coop_id: coop.coop_id, hash: op.body.hash })
    }
  },
}

function minFoundersOf(facts: Facts): number {
  const document = facts.get(charters, [1])?.charter
  return document === undefined ? 1 : (readCharter(document)?.membership.min_founders ?? 1)
}

/** Makes a member row from a founder's line of the charter; numbers follow the charter's order. */
function enrolFounder(
  tables: Tables,
  c: Case,
  founder: { readonly did: Did; readonly name: string; readonly roles: readonly string[] },
  place: number,
  status: 'active' | 'invited',
): void {
  const at = c.op.at[0]
  const coop = coopRow(tables) as NonNullable<ReturnType<typeof coopRow>>
  const document = tables.get(charters, [1])?.charter as CharterDocument
  const charter = readCharter(document) as Charter
  const existing = tables.get(members, [founder.did])
  const number = existing?.number ?? freeNumber(tables, place)
  tables.put(numbers, [number], { did: founder.did })
  writeMember(tables, c, {
    did: founder.did,
    number,
    kind: charter.type === 'federation' ? 'group' : 'person',
    name: founder.name,
    status,
    roles: [...founder.roles],
    class: charter.membership.classes[0]?.id ?? '',
    shares: 0,
    capital: '0',
    joined_via: 'founder',
    sponsors: [],
    admitted_by: [],
    ...(status === 'active' ? { admitted_at: at, full_at: at, charter: { version: 1, hash: coop.charter_hash, at } } : { invited_at: at }),
  })
  if (status === 'active') setOffices(tables, c, { did: founder.did, roles: founder.roles, given_by: null }, [])
}

function freeNumber(tables: Tables, place: number): number {
  if (tables.get(numbers, [place]) === undefined) return place
  const next = tables.get(counts, ['numbers.next']) ?? 1
  tables.put(counts, ['numbers.next'], next + 1)
  return next
}

/** What another module wants done at activation, in the same operation; handed in by composition so that no arrow turns round. */
export type OnActivate = (tables: Tables, charter: Charter, op: OperationView) => void

export function activateLaw(onActivate: OnActivate | undefined): Law<CoopActivate> {
  return {
    kind: 'coop.activate',
    key: 'D',
    body: CoopActivateBody as Law<CoopActivate>['body'],
    decide(op, facts) {
      const j = new Judgement()
      if (!checkStatus(facts, j, ['forming', 'active'])) return j.decision()
      const coop = coopRow(facts) as NonNullable<ReturnType<typeof coopRow>>
      const forming = coop.status === 'forming'
      const charter = readCharter(facts.get(charters, [1])?.charter ?? {})
      const signed = facts.count(signatures, { prefix: [1] })
      const active = facts.get(counts, ['members.active']) ?? 0
      j.refuseIf(facts.get(signatures, [1, op.author]) === undefined, 'NOT_A_FOUNDER')
      j.refuseIf(op.body.charter_hash !== coop.charter_hash, 'CHARTER_CHANGED', { params: { hash: coop.charter_hash } })
      // Of a coop that is active already these were true once; asking again would hide that it is done.
      const needFounders = charter?.membership.min_founders ?? 1
      const needMembers = charter?.membership.min_members ?? 1
      j.refuseIf(forming && signed < needFounders, 'CHARTER_NOT_RATIFIED', { params: { have: signed, need: needFounders }, limit: needFounders, used: signed })
      j.refuseIf(forming && active < needMembers, 'TOO_FEW_MEMBERS', { params: { have: active, need: needMembers }, limit: needMembers, used: active })
      j.refuseIf(forming && effectiveStewards(facts, op.at[0]).length === 0, 'NO_STEWARD')
      j.refuseIf(!forming, 'ALREADY_ACTIVE')
      return j.decision()
    },
    apply(op, tables) {
      const c = directCase(op)
      const at = op.at[0]
      const coop = coopRow(tables) as NonNullable<ReturnType<typeof coopRow>>
      const row = tables.get(charters, [1]) as NonNullable<ReturnType<typeof charterRow>>
      const charter = readCharter(row.charter) as Charter
      tables.put(coopTable, [], { ...coop, status: 'active', activated_at: at, treasury: { account: 'treasury', opened_at: at } })
      tables.put(charters, [1], { ...row, in_force_from: at })
      tables.put(rulesTable, [], rulesOf(row.charter, charter))
      for (const [index, founder] of charter.founders.entries()) {
        const member = tables.get(members, [founder.did])
        if (member === undefined) enrolFounder(tables, c, founder, index + 1, 'invited')
        if (member?.status !== 'active') startInvitation(tables, c, founder.did)
      }
      onActivate?.(tables, charter, op)
      tables.emit('coop.activated', { coop_id: coop.coop_id, charter_hash: coop.charter_hash, by: op.author })
    },
  }
}

const charterRow = (facts: Facts) => facts.get(charters, [1])

/** A founder who has not signed is asked like anybody else from now on. */
function startInvitation(tables: Tables, c: Case, did: Did): void {
  const row = tables.get(members, [did]) as MemberRow
  const { version: _v, ...kept } = row
  writeMember(tables, c, { ...kept, roles: ['member'], invited_at: c.op.at[0], deadline_at: c.op.at[0] + directedInviteDays * 86_400_000 })
}
