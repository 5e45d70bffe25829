import type { Did, HostStatus, MemberStatus, OperationId, Table } from '@icn/protocol'
import {
  amount,
  bytes,
  charterDocument,
  charterHash,
  clock,
  coopId,
  coopStatuses,
  coopType,
  did,
  hostStatuses,
  int,
  memberStatuses,
  operationId,
  part,
  personhoodLevels,
  table,
  timeMs,
} from '@icn/protocol'
import { z } from 'zod'
import type { CharterRules } from '../charter/index.ts'

/** Rows of a coop's space (coop page §§2, 3). Names and times are as in bodies: snake_case, milliseconds. */

const roleList = z.array(z.string())

const CoopRow = z.strictObject({
  coop_id: coopId,
  genesis: operationId,
  name: z.string(),
  type: coopType,
  status: z.enum(coopStatuses),
  status_before: z.enum(coopStatuses).optional(),
  founded_at: timeMs,
  founded_by: did,
  activated_at: timeMs.optional(),
  ended_at: timeMs.optional(),
  end_reason: z.string().optional(),
  charter_version: int(1, 1_000_000),
  charter_hash: charterHash,
  ratified: z.boolean(),
  treasury: z.strictObject({ account: z.string(), opened_at: timeMs }).optional(),
  suspension: z.strictObject({ reason: z.string(), at: timeMs, by: did }).optional(),
  template: z.string(),
})
export type CoopRow = Readonly<z.output<typeof CoopRow>>
export const coopTable = table('coop.coop', [], CoopRow)

const CharterRow = z.strictObject({
  charter: charterDocument,
  hash: charterHash,
  by: did,
  at: timeMs,
  adopted_by: operationId,
  in_force_from: timeMs.optional(),
  in_force_to: timeMs.optional(),
})
export type CharterRow = Readonly<z.output<typeof CharterRow>>
export const charters = table('coop.charters', [part.int()], CharterRow)

const SignatureRow = z.strictObject({ key: did, signature: bytes(64), at: timeMs, op: operationId, hash: charterHash })
export type SignatureRow = Readonly<z.output<typeof SignatureRow>>
export const signatures = table('coop.signatures', [part.int(), part.text<Did>()], SignatureRow)

/** Already defaulted when written; the document it comes from was checked by the charter's own schema. */
export const rulesTable: Table<readonly [], CharterRules> = table('coop.rules', [], z.record(z.string(), z.unknown()) as unknown as z.ZodType<CharterRules>)

const MemberRow = z.strictObject({
  did,
  /** 0 until a number is given at admission. */
  number: int(0, 9_999_999),
  kind: z.enum(['person', 'group']),
  name: z.string(),
  status: z.enum(memberStatuses),
  status_before: z.enum(memberStatuses).optional(),
  roles: roleList,
  class: z.string(),
  tier: z.string().optional(),
  shares: int(0, Number.MAX_SAFE_INTEGER),
  capital: amount,
  joined_via: z.enum(['founder', 'application', 'invite', 'import']),
  sponsors: z.array(did),
  /** Proposer, confirmers or inviter who let the person in; for the 30 days in which they cannot be each other's second. */
  admitted_by: z.array(did),
  asked: z.strictObject({ class: z.string().optional(), tier: z.string().optional(), shares: z.int().optional() }).optional(),
  statement: z.string().optional(),
  applied_at: timeMs.optional(),
  invited_at: timeMs.optional(),
  admitted_at: timeMs.optional(),
  full_at: timeMs.optional(),
  /** Since when by an imported register, which may be long before the person took the entry. */
  joined_at: timeMs.optional(),
  suspended_at: timeMs.optional(),
  suspended_until_at: timeMs.optional(),
  /** When the application, the invitation or the probation ends. */
  deadline_at: timeMs.optional(),
  leaving_at: timeMs.optional(),
  ended_at: timeMs.optional(),
  end_code: z.string().optional(),
  end_reason: z.string().optional(),
  removal: z.strictObject({ op: operationId, due_at: timeMs, ban: z.boolean(), code: z.string(), reason: z.string() }).optional(),
  /** The admission that waits for a review; while it is here the person holds nothing. */
  review: operationId.optional(),
  /** The invitation through which the person came. */
  invite: operationId.optional(),
  charter: z.strictObject({ version: z.int(), hash: charterHash, at: timeMs }).optional(),
  personhood: z.strictObject({ level: z.enum(personhoodLevels), attester: did, expires_at: timeMs }).optional(),
  /** Last operation that changed the row. */
  version: operationId,
})
export type MemberRow = Readonly<z.output<typeof MemberRow>>
export const members = table('coop.members', [part.text<Did>()], MemberRow)

const NumberRow = z.strictObject({ did: did.optional(), entry: z.int().optional() })
/** Who a number names; a number stays used for ever. */
export const numbers = table('coop.numbers', [part.int()], NumberRow)

const OfficerRow = z.strictObject({
  since_at: timeMs,
  until_at: timeMs.optional(),
  /** The change of roles that gave the office; null for founders. */
  given_by: operationId.nullable(),
  by: did,
  /** The deed waits for a review; the office is not effective. */
  review: operationId.optional(),
})
export type OfficerRow = Readonly<z.output<typeof OfficerRow>>
export const officers = table('coop.officers', [part.text(), part.text<Did>()], OfficerRow)

/** Numbers that laws would otherwise have to count: `members.<status>`, `class.<id>`, `invites.open`, … */
export const counts = table('coop.counts', [part.text()], z.int())

const EntryRow = z.strictObject({
  number: z.int(),
  name: z.string(),
  joined_at: timeMs,
  roles: roleList,
  class: z.string(),
  tier: z.string().optional(),
  shares: z.int(),
  capital: amount,
  import: z.string(),
  row: z.int(),
  added_at: timeMs,
  invite: operationId.optional(),
  /** Who took it, once redeemed. */
  did: did.optional(),
  taken_at: timeMs.optional(),
  removed: z.strictObject({ at: timeMs, by: did, reason: z.string() }).optional(),
})
export type EntryRow = Readonly<z.output<typeof EntryRow>>
export const entries = table('coop.entries', [part.int()], EntryRow)

const InviteRow = z.strictObject({
  by: did,
  key: did,
  roles: roleList,
  class: z.string().optional(),
  tier: z.string().optional(),
  name: z.string().optional(),
  entry: z.int().optional(),
  uses: z.int(),
  used: z.array(z.strictObject({ did, at: timeMs, op: operationId })),
  expires_at: timeMs,
  created_at: timeMs,
  state: z.enum(['open', 'used_up', 'cancelled', 'review']),
  /** Cancelled by time, not by a person. */
  expired: z.boolean().optional(),
})
export type InviteRow = Readonly<z.output<typeof InviteRow>>
export const invites = table('coop.invites', [part.text<OperationId>()], InviteRow)
/** Which invitation a key belongs to; a key serves once. */
export const inviteKeys = table('coop.invite_keys', [part.text<Did>()], operationId)

/** Ids that clients chose for what they create: one author's key names one thing (ruling 8). */
export const clientKeys = table('coop.client_keys', [part.text<Did>(), part.bytes()], z.strictObject({ op: operationId, digest: bytes(32) }))

const Change = z.strictObject({ field: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })
const LogRow = z.strictObject({ kind: z.string(), by: did, via: operationId.nullable(), changes: z.array(Change), reason: z.string().optional() })
export type LogRow = Readonly<z.output<typeof LogRow>>
/** One row for every change of a member row; the register of any past date is rebuilt from it. */
export const log = table('coop.log', [part.text<Did>(), part.int(), part.text<OperationId>()], LogRow as unknown as z.ZodType<LogRow>)

export const deedKinds = ['invite', 'admission', 'roles', 'host', 'suspension', 'removal'] as const
const DeedRow = z.strictObject({
  kind: z.enum(deedKinds),
  /** DID or operation id of what the deed is about. */
  ref: z.string(),
  at: clock,
  /** Roles before, so that a review can give them back. */
  roles_before: roleList.optional(),
  /** Offices that were given. */
  gave: roleList.optional(),
})
export type DeedRow = Readonly<z.output<typeof DeedRow>>
/** What a person did that gave or took authority. */
export const deeds = table('coop.deeds', [part.text<Did>(), part.int(), part.text<OperationId>()], DeedRow)

const ReviewRow = z.strictObject({
  kind: z.enum([...deedKinds, 'rest']),
  ref: z.string(),
  by: did,
  removal_op: operationId,
  opened_at: timeMs,
  state: z.enum(['open', 'confirmed', 'undone']),
  roles_before: roleList.optional(),
  gave: roleList.optional(),
  settled_by: did.optional(),
  settled_at: timeMs.optional(),
  note: z.string().optional(),
})
export type ReviewRow = Readonly<z.output<typeof ReviewRow>>
/** Key: the deed's operation. */
export const reviews = table('coop.reviews', [part.text<OperationId>()], ReviewRow)

const HostRow = z.strictObject({
  status: z.enum(hostStatuses),
  label: z.string(),
  added_by: did,
  added_at: timeMs,
  accepted_at: timeMs.optional(),
  ended_at: timeMs.optional(),
  note: z.string(),
  /** Status before a review, given back when it is confirmed. */
  status_before: z.enum(hostStatuses).optional(),
})
export type HostRow = Readonly<z.output<typeof HostRow>>
export const hosts = table('coop.hosts', [part.text<Did>()], HostRow)

const SettingValue = z.union([z.string(), z.boolean()])
export type SettingValue = string | boolean
const SettingRow = z.strictObject({ value: SettingValue, op: operationId, at: timeMs, by: did })
export type SettingRow = Readonly<z.output<typeof SettingRow>>
export const settings = table('coop.settings', [part.text()], SettingRow)

const ConflictRow = z.strictObject({
  winner_op: operationId,
  loser_op: operationId,
  values: z.strictObject({ winner: SettingValue, loser: SettingValue }),
  at: timeMs,
  state: z.enum(['open', 'settled']),
  settled_by: did.optional(),
  keep: z.enum(['winner', 'loser']).optional(),
  note: z.string().optional(),
})
export type ConflictRow = Readonly<z.output<typeof ConflictRow>>
export const conflicts = table('coop.conflicts', [part.text<OperationId>(), part.text()], ConflictRow)

const CalendarRow = z.strictObject({ time_zone: z.string(), offsets: z.array(z.tuple([z.int(), z.int()])) })
export interface CalendarRow {
  readonly time_zone: string
  readonly offsets: readonly (readonly [from_ms: number, minutes: number])[]
}
export const calendar = table('coop.calendar', [], CalendarRow as unknown as z.ZodType<CalendarRow>)

export const imports = table('coop.imports', [part.bytes(), part.int()], z.strictObject({ op: operationId, rows: z.int() }))

/** What time will bring: a sweeper proposes it, the law of `coop.sweep` looks whether it is so. */
export const due = table('coop.due', [part.int(), part.text(), part.text()], z.strictObject({}))

export const coopTables: readonly Table<any, any>[] = [
  coopTable,
  charters,
  signatures,
  rulesTable,
  members,
  numbers,
  officers,
  counts,
  entries,
  invites,
  inviteKeys,
  clientKeys,
  log,
  deeds,
  reviews,
  hosts,
  settings,
  conflicts,
  calendar,
  imports,
  due,
]

/** Every status that a person in the register has while not having left. */
export const standingStatuses: ReadonlySet<MemberStatus> = new Set(['provisional', 'active', 'suspended'])
/** Hosts that are, or may become, a part of the coop. */
export const liveHostStatuses: ReadonlySet<HostStatus> = new Set(['invited', 'active', 'review'])
