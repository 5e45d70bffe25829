import type { ConflictRow, EntryRow, HostRow, InviteRow, LogLine, MemberRow, ReviewRow } from '@icn/domain'
import {
  charters,
  charterRules,
  coopRow,
  foundingState,
  hasPower,
  listHosts,
  memberAt,
  membersStanding,
  readCharter,
  readSettings,
  settingRules,
  settings,
  signatures,
  standingOf,
  calendarTable,
} from '@icn/domain'
import type {
  CharterView,
  ConflictView,
  CoopId,
  CoopView,
  Did,
  DirectoryStatus,
  EntryView,
  Facts,
  FoundingStep,
  HostView,
  InviteView,
  MemberLogItem,
  MemberView,
  OperationId,
  ReviewView,
  SettingView,
} from '@icn/protocol'
import { encodeTrusted, powers, sha256, spaceOfCoop, timeText, toBase64Url } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'

/** Rows of a coop's space as the doors show them, by what the reader may see (coop page §4). */

export interface Reader {
  readonly did?: Did | undefined
  readonly rights: ReadonlySet<string>
}

const time = (ms: number | undefined): string | null => (ms === undefined ? null : timeText(ms))

/** Tag of rows: equal on every host with equal state. */
export function tagOf(...rows: readonly unknown[]): string {
  return toBase64Url(sha256(encodeTrusted(rows.map((row) => row ?? null))))
}

const insiders = ['member', 'observer', 'founder', 'host', 'invited', 'applicant'] as const
export const isInsider = (reader: Reader): boolean => insiders.some((word) => reader.rights.has(word))

/** Strangers see a coop that is listed and past its founding, and cannot tell a hidden one from one that is not there. */
export function isVisible(facts: Facts, reader: Reader): boolean {
  const coop = coopRow(facts)
  if (coop === undefined) return false
  if (isInsider(reader) || (reader.did !== undefined && standingOf(facts, reader.did) !== 'none')) return true
  return coop.status !== 'forming' && coop.end_reason !== 'abandoned' && readSettings(facts)['listed'] === true
}

export function coopView(facts: Facts, reader: Reader, now: number): CoopView {
  const coop = coopRow(facts)
  if (coop === undefined) throw refuse('NOT_FOUND')
  const open = { coop_id: coop.coop_id, name: coop.name, type: coop.type, status: coop.status, charter_hash: coop.charter_hash, genesis: coop.genesis }
  if (!isInsider(reader)) return open
  const founding = foundingState(facts, now)
  const zone = facts.get(calendarTable, [])
  return {
    ...open,
    space: spaceOfCoop(coop.coop_id),
    charter_version: coop.charter_version,
    ratified: coop.ratified,
    signatures: { have: founding.signed, need: founding.need },
    members_count: membersStanding(facts),
    founded_at: timeText(coop.founded_at),
    founded_by: coop.founded_by,
    activated_at: time(coop.activated_at),
    ended_at: time(coop.ended_at),
    end_reason: coop.end_reason ?? null,
    suspension: coop.suspension === undefined ? null : { ...coop.suspension, at: timeText(coop.suspension.at) },
    treasury: coop.treasury === undefined ? null : { account: coop.treasury.account, opened_at: timeText(coop.treasury.opened_at) },
    template: coop.template,
    settings: { ...readSettings(facts) },
    calendar: zone === undefined ? null : { time_zone: zone.time_zone },
    hosts: listHosts(facts).map(({ did, label, status }) => ({ did, label, status })),
    ...(reader.did === undefined ? {} : { my: myPlace(facts, reader.did, now) }),
  }
}

function myPlace(facts: Facts, did: Did, now: number): NonNullable<CoopView['my']> {
  const row = memberAt(facts, did, now)
  return { standing: standingOf(facts, did), roles: [...(row?.roles ?? [])], powers: powers.filter((power) => hasPower(facts, did, power, now)) }
}

/** Tag of everything a coop view is made of that people change. */
export function coopTag(facts: Facts): string {
  return tagOf(
    coopRow(facts),
    [...facts.scan(settings)].map(([key, row]) => [key, row]),
  )
}

export function charterTag(facts: Facts): string {
  return tagOf(
    coopRow(facts)?.charter_hash,
    [...facts.scan(signatures)].map(([key]) => key),
  )
}

export function settingViews(facts: Facts): SettingView[] {
  const values = readSettings(facts)
  return settingRules.map((rule) => {
    const row = facts.get(settings, [rule.field])
    return { field: rule.field, value: values[rule.field] ?? '', class: rule.class, base: row?.op ?? null, at: time(row?.at), by: row?.by ?? null }
  })
}

export function charterView(facts: Facts): CharterView {
  const coop = coopRow(facts)
  const row = coop === undefined ? undefined : facts.get(charters, [coop.charter_version])
  if (coop === undefined || row === undefined) throw refuse('NOT_FOUND')
  const charter = readCharter(row.charter)
  const founders = charter?.founders ?? []
  const signed = [...facts.scan(signatures, { prefix: [coop.charter_version] })]
  const nameOf = (did: Did): string => founders.find((founder) => founder.did === did)?.name ?? ''
  return {
    coop_id: coop.coop_id,
    network: row.charter['network'] as OperationId,
    version: coop.charter_version,
    hash: row.hash,
    charter: { ...row.charter },
    by: row.by,
    at: timeText(row.at),
    in_force: row.in_force_from !== undefined && row.in_force_to === undefined,
    signatures: signed.map(([[, did], signature]) => ({ did, name: nameOf(did), at: timeText(signature.at) })),
    need: charter?.membership.min_founders ?? 0,
    missing: founders.filter((founder) => !signed.some(([[, did]]) => did === founder.did)).map(({ did, name }) => ({ did, name })),
  }
}

/** Oneself, who keeps the register, and who handles discipline see everything of a row; others what a member needs of another. */
export function seesWhole(reader: Reader, row: Pick<MemberRow, 'did' | 'status'>): boolean {
  if (reader.did === row.did || reader.rights.has('register.edit') || reader.rights.has('member.discipline')) return true
  // Whoever decides about an application has to read it.
  return reader.rights.has('member.admit') && (row.status === 'applied' || row.status === 'invited')
}

export function memberView(row: MemberRow, coop_id: CoopId, reader: Reader): MemberView {
  const open: MemberView = {
    did: row.did,
    coop_id,
    number: row.number === 0 ? null : row.number,
    kind: row.kind,
    name: row.name,
    status: row.status,
    roles: [...row.roles],
    class: row.class,
    tier: row.tier ?? null,
    since_at: time(row.joined_at ?? row.admitted_at),
  }
  if (!seesWhole(reader, row)) return open
  return {
    ...open,
    status_before: row.status_before ?? null,
    shares: row.shares,
    capital: row.capital,
    joined_via: row.joined_via,
    sponsors: [...row.sponsors],
    asked: row.asked ?? null,
    statement: row.statement ?? null,
    applied_at: time(row.applied_at),
    invited_at: time(row.invited_at),
    admitted_at: time(row.admitted_at),
    full_at: time(row.full_at),
    suspended_at: time(row.suspended_at),
    suspended_until_at: time(row.suspended_until_at),
    deadline_at: time(row.deadline_at),
    leaving_at: time(row.leaving_at),
    ended_at: time(row.ended_at),
    end_code: row.end_code ?? null,
    end_reason: row.end_reason ?? null,
    removal:
      row.removal === undefined
        ? null
        : { operation: row.removal.op, due_at: timeText(row.removal.due_at), ban: row.removal.ban, code: row.removal.code, reason: row.removal.reason },
    review: row.review ?? null,
    charter: row.charter === undefined ? null : { ...row.charter, at: timeText(row.charter.at) },
    personhood: row.personhood === undefined ? null : { ...row.personhood, expires_at: timeText(row.personhood.expires_at) },
    version: row.version,
  }
}

export function logItem(did: Did, line: LogLine): MemberLogItem {
  return {
    operation_id: line.op,
    did,
    at: timeText(line.at),
    kind: line.kind,
    by: line.by,
    via: line.via,
    changes: line.changes.map((change) => ({ field: change.field, before: change.before ?? null, after: change.after ?? null })),
    reason: line.reason ?? null,
  }
}

export function inviteState(row: InviteRow, now: number): InviteView['state'] {
  if (row.expired === true || (row.state === 'open' && row.expires_at <= now)) return 'expired'
  return row.state
}

export function inviteView(invite_id: OperationId, row: InviteRow, coop_id: CoopId, now: number): InviteView {
  return {
    invite_id,
    coop_id,
    by: row.by,
    key: row.key,
    roles: [...row.roles],
    class: row.class ?? null,
    tier: row.tier ?? null,
    name: row.name ?? null,
    entry: row.entry ?? null,
    uses: row.uses,
    used: row.used.map(({ did, at }) => ({ did, at: timeText(at) })),
    created_at: timeText(row.created_at),
    expires_at: timeText(row.expires_at),
    state: inviteState(row, now),
  }
}

export function hostView(did: Did, row: HostRow, node: Did): HostView {
  return {
    did,
    label: row.label,
    status: row.status,
    added_by: row.added_by,
    added_at: timeText(row.added_at),
    accepted_at: time(row.accepted_at),
    ended_at: time(row.ended_at),
    note: row.note,
    this_node: did === node,
  }
}

export function reviewView(operation_id: OperationId, row: ReviewRow): ReviewView {
  return {
    operation_id,
    kind: row.kind,
    ref: row.ref,
    by: row.by,
    removal: row.removal_op,
    opened_at: timeText(row.opened_at),
    state: row.state,
    settled_by: row.settled_by ?? null,
    settled_at: time(row.settled_at),
    note: row.note ?? null,
  }
}

export function conflictView(operation_id: OperationId, field: string, row: ConflictRow): ConflictView {
  return {
    operation_id,
    field,
    state: row.state,
    winner: { operation: row.winner_op, value: row.values.winner },
    loser: { operation: row.loser_op, value: row.values.loser },
    at: timeText(row.at),
    settled_by: row.settled_by ?? null,
    keep: row.keep ?? null,
    note: row.note ?? null,
  }
}

export function entryView(row: EntryRow): EntryView {
  return {
    number: row.number,
    name: row.name,
    joined_at: timeText(row.joined_at),
    roles: [...row.roles],
    class: row.class,
    tier: row.tier ?? null,
    shares: row.shares,
    capital: row.capital,
    import_id: row.import,
    row: row.row,
    invite: row.invite ?? null,
    did: row.did ?? null,
    removed_at: time(row.removed?.at),
  }
}

/** The steps of a founding, each done or not by what stands in the journal (coop page §5). */
export function foundingSteps(facts: Facts | undefined, now: number, entry: DirectoryStatus | 'taken' | undefined): FoundingStep[] {
  if (facts === undefined || coopRow(facts) === undefined)
    return [
      { step: 'drafted', state: 'done' },
      { step: 'founded', state: 'open', method: 'coop.create' },
      ...(['reserved', 'signed', 'active', 'listed', 'safe'] as const).map((step) => ({ step, state: 'later' as const })),
    ]
  const state = foundingState(facts, now)
  const missing = state.founders.filter((founder) => founder.signed_at === undefined).map((founder) => founder.did)
  const hosts = listHosts(facts).filter((host) => host.status === 'active').length
  const isListed = entry !== undefined && entry !== 'taken' && entry !== 'reserved'
  return [
    { step: 'drafted', state: 'done' },
    { step: 'founded', state: 'done' },
    // A coop works without the directory; but another one may take its id there.
    entry === undefined || entry === 'taken'
      ? { step: 'reserved', state: 'open', method: 'commons.coop.reserve', ...(entry === 'taken' ? { have: 0, need: 1 } : {}) }
      : { step: 'reserved', state: 'done' },
    {
      step: 'signed',
      state: state.ratified ? 'done' : 'open',
      have: state.signed,
      need: state.need,
      ...(missing.length === 0 ? {} : { waiting_for: missing, method: 'coop.sign_charter' }),
    },
    { step: 'active', state: state.active ? 'done' : state.ratified ? 'open' : 'later', ...(state.active ? {} : { method: 'coop.activate' }) },
    entry === 'reserved' && state.active ? { step: 'listed', state: 'open', method: 'commons.coop.register' } : { step: 'listed', state: isListed ? 'done' : 'later' },
    { step: 'safe', state: hosts > 1 ? 'done' : state.active ? 'open' : 'later', have: hosts, need: 2 },
  ]
}

export function unitOf(facts: Facts): { readonly code: string; readonly decimals: number } | undefined {
  const unit = charterRules(facts)?.unit
  return unit === undefined ? undefined : { code: unit.code, decimals: unit.decimals }
}
