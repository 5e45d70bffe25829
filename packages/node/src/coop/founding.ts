import { coopRow, directory, fillTemplate, isTemplateId, lint, suggestCoopId, templateForType } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type {
  CharterDocument,
  CharterSign,
  CoopType,
  Did,
  DirectoryStatus,
  Facts,
  FieldError,
  FoundingDraft,
  InputOf,
  OperationsTable,
  SignedOperation,
  SignedOperationJson,
  SpaceId,
} from '@icn/protocol'

import {
  bytes,
  commonsSpace,
  CoopFound,
  coopType,
  encodeCanonical,
  EnvelopeSchema,
  equalBytes,
  isCoopId,
  nameText,
  operationIdOf,
  sha256,
  spaceOfCoop,
  timeText,
} from '@icn/protocol'
import type { Call, Handlers, WritePlan } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { CallRefusal, refuse } from '../calls/refusal.ts'
import { coopIdOf, factsOf, readerOf } from './common.ts'
import type { CoopParts } from './parts.ts'
import { isTimeZone, newOffsets } from './time-zone.ts'
import { charterTag, charterView, coopView, foundingSteps } from './views.ts'

/** Founding: drafts that this node keeps, the genesis, and the steps up to activation. */

const dayMs = 86_400_000
/** Larger: forgotten drafts pile up; smaller: an assembly that meets every second month begins anew. */
const draftDays = 90
/** Drafts one person keeps here. Larger: a stranger fills the disk; smaller: somebody who helps others found is stuck. */
const draftsMax = 20

type Fields = Omit<InputOf<OperationsTable['founding.save']>, 'draft_id'>

interface StoredDraft {
  readonly saved_at: number
  readonly fields: Fields
  /** Of the genesis, so that every try makes the same one. */
  readonly nonce: Uint8Array
  /** Letters behind an id that was made from the name. */
  readonly suffix: string
}

const draftKey = (did: Did, draftId: string): readonly string[] => ['founding.drafts', did, draftId]

/** What founding needs besides what was filled in; the same again whenever the same call is made. */
interface Seeds {
  readonly nonce: Uint8Array
  readonly suffix: string
}

const letters = 'abcdefghjkmnpqrstvwxyz'
const suffixOf = (random: Uint8Array): string => [...random.subarray(0, 4)].map((byte) => letters[byte % letters.length]).join('')

function seedsOf(call: Call, parts: CoopParts): Seeds {
  if (call.clientKey === undefined) return { nonce: parts.random(16), suffix: suffixOf(parts.random(4)) }
  return { nonce: call.clientKey, suffix: suffixOf(sha256(call.clientKey)) }
}

/** The id asked for, or one made from the name. */
function coopIdFor(fields: Fields, suffix: string): string {
  if (fields.id !== undefined) return fields.id
  const plain = suggestCoopId(fields.name ?? '')
    .slice(0, 40)
    .replace(/-+$/, '')
  return `${plain}-${suffix}`
}

/** The charter that was handed in, or the template with names and people put in. */
function charterFor(fields: Fields, coopId: string, author: Did, parts: CoopParts): { readonly charter: CharterDocument; readonly template: string; readonly lowered: boolean } {
  const network = parts.network()
  if (network === undefined) throw refuse('STARTING')
  if (fields.charter !== undefined) return { charter: { network, coop_id: coopId, ...fields.charter }, template: 'own', lowered: false }
  const type: CoopType = fields.type ?? 'consumer'
  const template = fields.template ?? templateForType(type)
  if (!isTemplateId(template)) throw refuse('TEMPLATE_UNKNOWN', { template })
  const founders = fields.founders ?? [{ did: author, name: `…${author.slice(-8)}`, roles: ['member', 'steward'] }]
  const { unit } = fields
  const { charter, lowered } = fillTemplate(template, {
    network,
    coop_id: coopId,
    name: fields.name ?? '',
    type,
    founders: founders.map((founder) => ({ did: founder.did, name: founder.name, ...(founder.roles === undefined ? {} : { roles: founder.roles }) })),
    ...(unit === undefined ? {} : { unit: { code: unit.code, name: unit.name ?? unit.code, decimals: unit.decimals ?? 2 } }),
    ...(fields.min_founders === undefined ? {} : { min_founders: fields.min_founders }),
    ...(fields.language === undefined ? {} : { language: fields.language }),
  })
  return { charter, template, lowered }
}

function fieldError(pointer: string, code: string, detail: string): FieldError {
  return { in: 'body', pointer, code, detail }
}

/** Where a whole charter is handed in, what it says of id, name and type need not be said twice. */
function withCharter(fields: Fields): Fields {
  const { charter } = fields
  if (charter === undefined) return fields
  const text = (field: string): string | undefined => (typeof charter[field] === 'string' ? (charter[field] as string) : undefined)
  const [id, name, type] = [fields.id ?? text('coop_id'), fields.name ?? text('name'), coopType.safeParse(fields.type ?? charter['type'])]
  return { ...fields, ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }), ...(type.success ? { type: type.data } : {}) }
}

/** What a law could not be asked, because there would be no space to ask it in; every wrong field at once. */
function checkFields(fields: Fields, coopId: string): void {
  const errors: FieldError[] = []
  const badId = !isCoopId(coopId)
  const badName = fields.name === undefined || !nameText(1, 120).safeParse(fields.name).success
  if (badId) errors.push(fieldError('/id', 'COOP_ID_INVALID', `use ${suggestCoopId(coopId)}`))
  if (badName) errors.push(fieldError('/name', 'NAME_INVALID', '1 to 120 characters on one line'))
  if (fields.time_zone !== undefined && !isTimeZone(fields.time_zone)) errors.push(fieldError('/time_zone', 'FIELD_FORMAT', 'not a time zone'))
  if (errors.length === 0) return
  const [first] = errors
  if (badId) throw new CallRefusal('COOP_ID_INVALID', { params: { coop_id: coopId, suggestion: suggestCoopId(coopId) }, errors })
  if (badName) throw new CallRefusal('NAME_INVALID', { params: { limit: 120 }, errors })
  throw new CallRefusal('INPUT_INVALID', { params: { count: errors.length, pointer: first?.pointer }, errors })
}

/** A name is free when nothing is held under it, or what is held was abandoned. */
function checkFree(journal: JournalApi, space: SpaceId, genesis?: string): boolean {
  const info = journal.info(space)
  if (info === undefined) return false
  const facts = journal.read(space)
  const coop = facts === undefined ? undefined : coopRow(facts)
  if (coop?.end_reason === 'abandoned') return true
  // The very same genesis again is its own operation.
  if (genesis !== undefined && info.genesis === genesis) return false
  throw refuse('ALREADY_FOUNDED', { space })
}

/** The first operation as a client signed it, from its JSON. */
export function readSignedGenesis(json: SignedOperationJson): SignedOperation {
  const { body, sig, ...rest } = json
  const envelope = EnvelopeSchema.safeParse(rest)
  const found = CoopFound.safeParse(body)
  const signature = bytes(64).safeParse(sig)
  if (!envelope.success || !signature.success) throw refuse('OPERATION_MALFORMED', { reason: 'schema' })
  if (!found.success) throw refuse('OPERATION_MALFORMED', { reason: 'body' })
  if (envelope.data.kind !== 'coop.found' || envelope.data.genesis !== null) throw refuse('OPERATION_MALFORMED', { reason: 'genesis' })
  const encodedBody = encodeCanonical(found.data)
  if (!equalBytes(sha256(encodedBody), envelope.data.body_hash)) throw refuse('OPERATION_MALFORMED', { reason: 'body_hash' })
  const encoded = encodeCanonical(envelope.data)
  return { id: operationIdOf(encoded), envelope: envelope.data, bytes: encoded, signature: signature.data, body: encodedBody }
}

const lintWarnings = (charter: CharterDocument): { code: string; params: Record<string, unknown> }[] =>
  lint(charter)
    .filter((finding) => finding.severity === 'warning')
    .map(({ code, pointer }) => ({ code, params: { pointer } }))

function signedPlan(parts: CoopParts, call: Call, journal: JournalApi, json: SignedOperationJson): WritePlan<ReturnType<typeof coopView>> {
  const signed = readSignedGenesis(json)
  const body = CoopFound.parse(json.body)
  const { author, space } = signed.envelope
  if (body.host.did !== journal.node) throw refuse('FOUNDING_CLOSED', { host: body.host.did })
  if (!parts.mayFound(author, call.caller.operator)) throw refuse('FOUNDING_CLOSED')
  if (body.charter['network'] !== parts.network()) throw refuse('CHARTER_MISMATCH', { fields: ['network'] })
  const replaces = checkFree(journal, space, signed.id)
  return {
    space,
    kind: 'coop.found',
    author,
    body,
    genesis: true,
    ...(replaces ? { replacesGenesis: true } : {}),
    signed,
    view: (facts) => coopView(facts, { did: author, rights: new Set(['founder']) }, parts.now()),
    location: (value) => `/v1/coops/${value.coop_id}`,
    warnings: lintWarnings(body.charter),
  }
}

function createPlan(parts: CoopParts, call: Call<InputOf<OperationsTable['coop.create']>>, journal: JournalApi): WritePlan<ReturnType<typeof coopView>> {
  const { signed, draft_id, ...given } = call.input
  if (signed !== undefined) return signedPlan(parts, call, journal, signed)
  const author = callerDid(call)
  if (!parts.mayFound(author, call.caller.operator)) throw refuse('FOUNDING_CLOSED')
  const draft = draft_id === undefined ? undefined : readDraft(journal, author, draft_id, parts.now())
  const fields = withCharter({ ...draft?.fields, ...given })
  const seeds = draft ?? seedsOf(call, parts)
  const coopId = coopIdFor(fields, seeds.suffix)
  checkFields(fields, coopId)
  const { charter, template, lowered } = charterFor(fields, coopId, author, parts)
  const zone = fields.time_zone ?? parts.timeZone
  const space = spaceOfCoop(coopId)
  const replaces = checkFree(journal, space)
  return {
    space,
    kind: 'coop.found',
    author,
    genesis: true,
    ...(replaces ? { replacesGenesis: true } : {}),
    body: {
      coop_id: coopId,
      name: typeof charter['name'] === 'string' ? charter['name'] : (fields.name ?? ''),
      type: fields.type ?? charter['type'] ?? 'consumer',
      template,
      charter,
      host: { did: journal.node, label: 'first host' },
      calendar: { time_zone: zone, offsets: newOffsets(zone, startOfDay(parts.now())) },
      nonce: seeds.nonce,
    },
    view: (facts) => coopView(facts, { did: author, rights: new Set(['founder']) }, parts.now()),
    location: (value) => `/v1/coops/${value.coop_id}`,
    warnings: [...lintWarnings(charter), ...(lowered ? [{ code: 'CHARTER_MIN_FOUNDERS_LOWERED', params: { pointer: '/membership/min_founders' } }] : [])],
  }
}

/** The same call on the same day means the same bytes. */
const startOfDay = (at: number): number => Math.floor(at / dayMs) * dayMs

function readDraft(journal: JournalApi, did: Did, draftId: string, now: number): StoredDraft {
  const stored = journal.local.get(draftKey(did, draftId)) as StoredDraft | undefined
  if (stored === undefined || stored.saved_at + draftDays * dayMs < now) throw refuse('FOUNDING_UNKNOWN')
  return stored
}

function draftView(parts: CoopParts, journal: JournalApi, did: Did, draftId: string, draft: StoredDraft): FoundingDraft {
  const now = parts.now()
  const coopId = draft.fields.name === undefined && draft.fields.id === undefined ? null : coopIdFor(draft.fields, draft.suffix)
  const complete = coopId !== null && isCoopId(coopId) && draft.fields.name !== undefined && parts.network() !== undefined
  const facts = complete ? journal.read(spaceOfCoop(coopId)) : undefined
  const own = facts !== undefined && coopRow(facts)?.founded_by === did ? facts : undefined
  return {
    draft_id: draftId,
    saved_at: timeText(draft.saved_at),
    expires_at: timeText(draft.saved_at + draftDays * dayMs),
    fields: draft.fields,
    charter: complete ? { ...charterFor(draft.fields, coopId, did, parts).charter } : null,
    coop_id: coopId,
    steps: foundingSteps(own, now, coopId === null ? undefined : entryOf(journal, coopId)),
  }
}

/** How the directory knows the coop of this id that is held here; `taken`: it knows another one by it. */
function entryOf(journal: JournalApi, coopId: string): DirectoryStatus | 'taken' | undefined {
  const row = journal.read(commonsSpace)?.get(directory, [coopId])
  if (row === undefined) return undefined
  return row.genesis === journal.info(spaceOfCoop(coopId))?.genesis ? row.status : 'taken'
}

/** Drafts whose time is over, so that they go when somebody saves another one. */
function staleDrafts(journal: JournalApi, did: Did, now: number): { readonly stale: readonly (readonly (string | number | Uint8Array)[])[]; readonly live: number } {
  const stale: (readonly (string | number | Uint8Array)[])[] = []
  let live = 0
  for (const [key, value] of journal.local.scan(['founding.drafts', did])) {
    if ((value as StoredDraft).saved_at + draftDays * dayMs < now) stale.push(key)
    else live++
  }
  return { stale, live }
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T
}

type FoundingMethods =
  | 'coop.create'
  | 'founding.get'
  | 'founding.save'
  | 'coop.founding'
  | 'coop.charter.put'
  | 'coop.sign_charter'
  | 'coop.activate'
  | 'coop.abandon'
  | 'coop.suspend'
  | 'coop.resume'

export function foundingHandlers(parts: CoopParts): Handlers<FoundingMethods> {
  const view = (call: Call) => (facts: Facts) => coopView(facts, { ...readerOf(call), rights: new Set([...call.rights, 'founder']) }, parts.now())
  const plan = <Value>(call: Call, kind: string, body: unknown, show: (facts: Facts) => Value, more: Partial<WritePlan<Value>> = {}): WritePlan<Value> => {
    const facts = factsOf(call)
    return { space: spaceOfCoop(coopIdOf(facts)), kind, author: callerDid(call), body, view: show, ...more }
  }
  return {
    'coop.create': (call, journal) => createPlan(parts, call, journal),
    'founding.get': (call, journal) => {
      const did = callerDid(call)
      return { value: draftView(parts, journal, did, call.input.draft_id, readDraft(journal, did, call.input.draft_id, parts.now())) }
    },
    'founding.save': (call, journal) => {
      const did = callerDid(call)
      const now = parts.now()
      const { draft_id, ...fields } = call.input
      if (fields.template !== undefined && !isTemplateId(fields.template)) throw refuse('TEMPLATE_UNKNOWN', { template: fields.template })
      if (!parts.mayFound(did, call.caller.operator)) throw refuse('FOUNDING_CLOSED')
      const before = journal.local.get(draftKey(did, draft_id)) as StoredDraft | undefined
      const { stale, live } = staleDrafts(journal, did, now)
      if (before === undefined && live >= draftsMax) throw refuse('FOUNDING_CLOSED', { limit: draftsMax })
      const draft: StoredDraft = { saved_at: now, fields: withoutUndefined(fields), nonce: before?.nonce ?? parts.random(16), suffix: before?.suffix ?? suffixOf(parts.random(4)) }
      journal.local.write([...stale.map((key) => ({ key, value: undefined })), { key: draftKey(did, draft_id), value: draft }])
      return { value: draftView(parts, journal, did, draft_id, draft), ...(before === undefined ? { location: `/v1/foundings/${draft_id}` } : {}) }
    },
    'coop.founding': (call, journal) => {
      const facts = factsOf(call)
      const coop = coopRow(facts)
      if (coop === undefined) throw refuse('NOT_FOUND')
      return { value: { coop_id: coop.coop_id, status: coop.status, charter_hash: coop.charter_hash, steps: foundingSteps(facts, parts.now(), entryOf(journal, coop.coop_id)) } }
    },
    'coop.charter.put': (call) => {
      const { charter, base_hash } = call.input
      const base = base_hash ?? coopRow(factsOf(call))?.charter_hash
      return plan(call, 'coop.charter.draft', { charter, base_hash: base }, charterView, { matchTag: charterTag, warnings: lintWarnings(charter) })
    },
    'coop.sign_charter': (call) => {
      const did = callerDid(call)
      const body: CharterSign = { hash: call.input.hash, statement: { did, key: call.input.key ?? did, signature: call.input.signature } }
      return plan(call, 'coop.charter.sign', body, charterView)
    },
    'coop.activate': (call) => plan(call, 'coop.activate', { charter_hash: call.input.charter_hash ?? coopRow(factsOf(call))?.charter_hash }, view(call)),
    'coop.abandon': (call) => plan(call, 'coop.abandon', { reason: call.input.reason }, view(call)),
    'coop.suspend': (call) => plan(call, 'coop.suspend', { reason: call.input.reason }, view(call)),
    'coop.resume': (call) => plan(call, 'coop.resume', call.input.note === undefined ? {} : { note: call.input.note }, view(call)),
  }
}
