import { z } from 'zod'
import { amount, bytes, charterHash, checkpointId, did, int, nameText, operationId, text, timeMs } from '../schema.ts'
import { charterDocument, coopType, personhoodLevels } from './charter.ts'

/** Bodies of the kinds of a coop's space (coop page §§5–9). Bounds that a law answers with a code of its own are loose here. */

const signature = bytes(64)
/** A signature that stands alone (identity page §4): `did` answers for it, `key` made it. */
const signedBy = z.strictObject({ did, key: did, signature })
/** A statement `attest`, carried from the commons with everything it says. */
export const Attestation = z.strictObject({
  did,
  key: did,
  signature,
  subject: did,
  level: z.enum(personhoodLevels),
  method: z.string().min(1).max(32),
  issued_at: timeMs,
  expires_at: timeMs,
})
export type Attestation = z.output<typeof Attestation>

const looseName = text(0, 240)
const personName = nameText(1, 80)
const role = z.string().min(1).max(32)
const roles = z.array(role).min(1).max(9)
const classId = z.string().min(1).max(32)
const tierId = z.string().min(1).max(32)
const number = int(1, 9_999_999)
const reason = text(1, 2_000)
const personhood = z.array(Attestation).min(1).max(3)
const offsets = z
  .array(z.tuple([z.int(), z.int()]))
  .min(1)
  .max(64) as unknown as z.ZodType<readonly (readonly [number, number])[]>
const clientKey = bytes(16)

export const memberStatuses = ['applied', 'invited', 'provisional', 'active', 'suspended', 'resigned', 'removed', 'banned', 'declined'] as const
export type MemberStatus = (typeof memberStatuses)[number]
export const coopStatuses = ['forming', 'active', 'suspended', 'dissolving', 'dissolved'] as const
export type CoopStatus = (typeof coopStatuses)[number]
export const hostStatuses = ['invited', 'active', 'review', 'left', 'removed'] as const
export type HostStatus = (typeof hostStatuses)[number]

export const suspensionCodes = ['conduct', 'absence', 'arrears', 'fraud', 'violence', 'key_lost', 'other'] as const
export const removalCodes = ['conduct', 'absence', 'arrears', 'fraud', 'violence', 'key_lost', 'died', 'other'] as const
export const sweepKinds = ['invite', 'application', 'probation', 'suspension', 'notice', 'removal', 'term'] as const
export type SweepKind = (typeof sweepKinds)[number]

export const CoopFound = z.strictObject({
  // Grammar and agreement with the space are the law's, so that each has its own code.
  coop_id: z.string().max(128),
  name: looseName,
  type: coopType,
  template: z.string().max(64),
  charter: charterDocument,
  host: z.strictObject({ did, label: nameText(1, 64) }),
  calendar: z.strictObject({ time_zone: z.string().min(1).max(64), offsets }),
  nonce: bytes(16),
})
export type CoopFound = z.output<typeof CoopFound>

export const CharterDraft = z.strictObject({ charter: charterDocument, base_hash: charterHash })
export type CharterDraft = z.output<typeof CharterDraft>
export const CharterSign = z.strictObject({ hash: charterHash, statement: signedBy })
export type CharterSign = z.output<typeof CharterSign>
export const CoopActivate = z.strictObject({ charter_hash: charterHash })
export type CoopActivate = z.output<typeof CoopActivate>
export const CoopReason = z.strictObject({ reason })
export type CoopReason = z.output<typeof CoopReason>
export const CoopResume = z.strictObject({ note: text(1, 2_000).optional() })
export type CoopResume = z.output<typeof CoopResume>
export const NoBody = z.strictObject({})
export type NoBody = z.output<typeof NoBody>

export const MemberApply = z.strictObject({
  charter_hash: charterHash,
  name: personName,
  kind: z.enum(['person', 'group']).optional(),
  statement: text(0, 2_000).optional(),
  asked: z.strictObject({ class: classId.optional(), tier: tierId.optional(), shares: int(0, 1_000_000).optional() }).optional(),
  personhood: personhood.optional(),
})
export type MemberApply = z.output<typeof MemberApply>
export const MemberRef = z.strictObject({ did })
export type MemberRef = z.output<typeof MemberRef>
export const MemberAdmit = z.strictObject({ did, name: personName.optional(), roles, class: classId.optional(), tier: tierId.optional(), number: number.optional() })
export type MemberAdmit = z.output<typeof MemberAdmit>
export const MemberAccept = z.strictObject({ charter_hash: charterHash, name: personName.optional(), personhood: personhood.optional() })
export type MemberAccept = z.output<typeof MemberAccept>
export const MemberDecline = z.strictObject({ did, reason: text(1, 500) })
export type MemberDecline = z.output<typeof MemberDecline>
export const MemberSuspend = z.strictObject({ did, code: z.enum(suspensionCodes), reason, until_at: timeMs.optional() })
export type MemberSuspend = z.output<typeof MemberSuspend>
export const MemberReinstate = z.strictObject({ did, note: text(1, 2_000).optional() })
export type MemberReinstate = z.output<typeof MemberReinstate>
export const MemberRemove = z.strictObject({
  did,
  code: z.enum(removalCodes),
  reason,
  ban: z.boolean(),
  immediate: z.boolean(),
  /** Newest checkpoint the remover had seen; what the removed person did after it goes under review. Left out: none seen. */
  cut_seen: checkpointId.optional(),
})
export type MemberRemove = z.output<typeof MemberRemove>
export const MemberUnban = z.strictObject({ did, reason })
export type MemberUnban = z.output<typeof MemberUnban>
export const MemberResign = z.strictObject({ reason: reason.optional() })
export type MemberResign = z.output<typeof MemberResign>
export const MemberRoles = z.strictObject({ did, roles, until_at: timeMs.optional() })
export type MemberRoles = z.output<typeof MemberRoles>
export const MemberPlace = z.strictObject({ did, class: classId.optional(), tier: tierId.optional(), number: number.optional() })
export type MemberPlace = z.output<typeof MemberPlace>
export const MemberProfile = z.strictObject({ name: looseName })
export type MemberProfile = z.output<typeof MemberProfile>

export const InviteCreate = z.strictObject({
  /** Public half of the key that the code makes, as a DID. */
  key: did,
  roles,
  class: classId.optional(),
  tier: tierId.optional(),
  name: personName.optional(),
  entry: number.optional(),
  uses: int(1, 100),
  expires_at: timeMs,
  client_key: clientKey.optional(),
})
export type InviteCreate = z.output<typeof InviteCreate>
export const InviteCancel = z.strictObject({ ref: operationId })
export type InviteCancel = z.output<typeof InviteCancel>
export const InviteRedeem = z.strictObject({ ref: operationId, statement: signedBy, charter_hash: charterHash, name: personName, personhood: personhood.optional() })
export type InviteRedeem = z.output<typeof InviteRedeem>

export const RegisterEntry = z.strictObject({
  number,
  name: personName,
  joined_at: timeMs,
  roles: roles.optional(),
  class: classId.optional(),
  tier: tierId.optional(),
  shares: int(0, 1_000_000).optional(),
  capital: amount.optional(),
  /** Line of the imported file, counted from 1. */
  row: int(1, 10_000),
})
export type RegisterEntry = z.output<typeof RegisterEntry>
export const EntryAdd = z.strictObject({ import_id: bytes(16), batch: int(0, 9_999), entries: z.array(RegisterEntry).min(1).max(200) })
export type EntryAdd = z.output<typeof EntryAdd>
export const EntryRemove = z.strictObject({ number, reason })
export type EntryRemove = z.output<typeof EntryRemove>

export const HostAdd = z.strictObject({ did, label: nameText(1, 64), note: text(0, 500).optional() })
export type HostAdd = z.output<typeof HostAdd>
export const HostRemove = z.strictObject({ did, reason })
export type HostRemove = z.output<typeof HostRemove>

export const SettingsSet = z.strictObject({
  changes: z
    .array(z.strictObject({ field: z.string().min(1).max(64), value: z.union([z.string().max(4_100), z.boolean()]), base: operationId.nullable() }))
    .min(1)
    .max(20),
})
export type SettingsSet = z.output<typeof SettingsSet>
export const CalendarSet = z.strictObject({ time_zone: z.string().min(1).max(64), offsets })
export type CalendarSet = z.output<typeof CalendarSet>
export const ConflictSettle = z.strictObject({ ref: operationId, field: z.string().min(1).max(64), keep: z.enum(['winner', 'loser']), note: text(1, 2_000).optional() })
export type ConflictSettle = z.output<typeof ConflictSettle>
export const ReviewSettle = z.strictObject({ ref: operationId, verdict: z.enum(['confirmed', 'undone']), note: text(1, 2_000).optional() })
export type ReviewSettle = z.output<typeof ReviewSettle>
export const CoopSweep = z.strictObject({
  items: z
    .array(z.strictObject({ kind: z.enum(sweepKinds), ref: z.string().min(1).max(160) }))
    .min(1)
    .max(100),
})
export type CoopSweep = z.output<typeof CoopSweep>

/** Every kind of a coop's space that `domain/coop` judges, with the schema of its body. */
export const coopBodies = {
  'coop.found': CoopFound,
  'coop.charter.draft': CharterDraft,
  'coop.charter.sign': CharterSign,
  'coop.activate': CoopActivate,
  'coop.abandon': CoopReason,
  'coop.suspend': CoopReason,
  'coop.resume': CoopResume,
  'coop.member.apply': MemberApply,
  'coop.member.withdraw': NoBody,
  'coop.member.sponsor': MemberRef,
  'coop.member.admit': MemberAdmit,
  'coop.member.accept': MemberAccept,
  'coop.member.decline': MemberDecline,
  'coop.member.confirm': MemberRef,
  'coop.member.suspend': MemberSuspend,
  'coop.member.reinstate': MemberReinstate,
  'coop.member.remove': MemberRemove,
  'coop.member.unban': MemberUnban,
  'coop.member.resign': MemberResign,
  'coop.member.stay': NoBody,
  'coop.member.roles': MemberRoles,
  'coop.member.place': MemberPlace,
  'coop.member.profile': MemberProfile,
  'coop.invite.create': InviteCreate,
  'coop.invite.cancel': InviteCancel,
  'coop.invite.redeem': InviteRedeem,
  'coop.entry.add': EntryAdd,
  'coop.entry.remove': EntryRemove,
  'coop.host.add': HostAdd,
  'coop.host.accept': NoBody,
  'coop.host.remove': HostRemove,
  'coop.host.leave': NoBody,
  'coop.settings.set': SettingsSet,
  'coop.calendar.set': CalendarSet,
  'coop.conflict.settle': ConflictSettle,
  'coop.review.settle': ReviewSettle,
  'coop.sweep': CoopSweep,
} as const satisfies Record<string, z.ZodType>

export type CoopKind = keyof typeof coopBodies
