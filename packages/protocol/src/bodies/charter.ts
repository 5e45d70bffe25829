import { z } from 'zod'
import { assertPlain, cidOf, encodeCanonical } from '../canonical.ts'
import type { CharterHash, Did } from '../ids.ts'
import { charterHash, coopId, did, int, nameText, operationId, text } from '../schema.ts'

/**
 * The charter: what the founders sign. The hash is over the document as it was written; a field that is left out
 * takes its default when it is read, so a later default never changes what somebody signed.
 */

export const coopTypes = ['worker', 'consumer', 'producer', 'multi_stakeholder', 'platform', 'housing', 'credit', 'community', 'federation'] as const
export type CoopType = (typeof coopTypes)[number]
export const coopType = z.enum(coopTypes)

export const decidesWays = ['one', 'two', 'vote'] as const
/** How many must agree to a kind of change: one holder of the power, two people, or a vote. */
export type Decides = (typeof decidesWays)[number]

/** Larger: a founding operation passes the 64 KiB of an operation; smaller: 60 articles do not fit. */
export const charterBytesMax = 49_152

const smallId = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, { message: 'must be 1 to 32 of a–z 0–9 _ -, beginning with a letter' })
const roleName = smallId

/** `num` of `den`; reached when x·den ≥ n·num, with `strict` when it is more. Zero is refused by the lint, which can say why. */
export const Fraction = z.strictObject({ num: int(0, 100), den: int(1, 100), strict: z.boolean().default(false) })
export type Fraction = z.output<typeof Fraction>

export const personhoodLevels = ['none', 'weak', 'strong', 'verified'] as const
export type PersonhoodLevel = (typeof personhoodLevels)[number]

/** Permissions that a charter gives to roles, each with the roles of the shipped templates. */
export const shippedPowers = {
  'coop.manage': ['steward'],
  'coop.hosts': ['steward'],
  'member.invite': ['steward'],
  'member.admit': ['steward'],
  'member.discipline': ['steward'],
  'member.roles': ['steward'],
  'register.edit': ['steward', 'treasurer'],
  'register.export': ['steward', 'treasurer'],
  'ledger.manage': ['steward', 'treasurer'],
  'review.settle': ['steward'],
  'treasury.pay': ['treasurer'],
  'capital.record': ['treasurer', 'steward'],
  'governance.propose': ['member'],
  'governance.vote': ['member'],
  'governance.manage': ['steward'],
  'amendment.draft': ['member'],
  'compute.submit': ['member'],
  'compute.manage': ['steward'],
  'compute.audit': ['steward', 'facilitator'],
  'ledger.pay': ['member'],
  'policy.set': ['steward'],
  'quota.grant': ['steward', 'facilitator'],
} as const satisfies Record<string, readonly string[]>

export type Power = keyof typeof shippedPowers
export const powers = Object.keys(shippedPowers) as readonly Power[]
export const power = z.enum(powers as [Power, ...Power[]])

const powersShape = Object.fromEntries(
  powers.map((name) => [
    name,
    z
      .array(roleName)
      .max(10)
      .default([...shippedPowers[name]]),
  ]),
) as unknown as Record<Power, z.ZodDefault<z.ZodArray<typeof roleName>>>

/**
 * Who decides a kind when the charter is silent. `coop.member.suspend.short` is a suspension of up to 30 days;
 * `coop.member.roles` stands for giving or taking steward or treasurer, `coop.settings.set` for settings of class money or policy.
 */
export const shippedDecides = {
  'coop.member.confirm': 'one',
  'coop.member.reinstate': 'one',
  'coop.member.suspend.short': 'one',
  'coop.member.suspend': 'two',
  'coop.member.remove': 'two',
  'coop.member.unban': 'two',
  'coop.member.roles': 'two',
  'coop.host.add': 'two',
  'coop.host.remove': 'two',
  'coop.settings.set': 'two',
  'coop.capital.record': 'two',
  'coop.suspend': 'two',
  'coop.resume': 'two',
  'coop.dissolve.complete': 'two',
  'space.adopt': 'two',
  'coop.dissolve.start': 'vote',
  'coop.dissolve.cancel': 'vote',
  amendment: 'vote',
} as const satisfies Record<string, Decides>

const requirements = (sponsors: number, review: number, voting: number, quorum: [number, number], approval: [number, number], delay: number) =>
  z
    .strictObject({
      sponsors: int(0, 9).default(sponsors),
      review_days: int(1, 60).default(review),
      voting_days: int(1, 90).default(voting),
      quorum: Fraction.default({ num: quorum[0], den: quorum[1], strict: false }),
      approval: Fraction.default({ num: approval[0], den: approval[1], strict: false }),
      delay_days: int(0, 90).default(delay),
    })
    .prefault({})

const silence = z.enum(['appeal_upheld', 'decision_stands'])

const Office = z.strictObject({ min: int(0, 100), max: int(1, 100), term_days: int(0, 3_650) })

export const CharterSchema = z
  .strictObject({
    v: z.literal(1),
    network: operationId.describe('Id of the first operation of the network.'),
    coop_id: coopId,
    version: int(1, 1_000_000).default(1),
    previous: charterHash.nullable().default(null),
    name: nameText(1, 120),
    type: coopType,
    template: z.strictObject({ id: smallId, version: int(1, 1_000) }).default({ id: 'own', version: 1 }),
    language: z
      .string()
      .regex(/^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$/)
      .max(35)
      .default('en'),
    preamble: text(0, 4_000).default(''),
    articles: z
      .array(z.strictObject({ id: smallId, title: text(1, 120), text: text(1, 4_000) }))
      .max(60)
      .default([]),
    founders: z
      .array(z.strictObject({ did, name: nameText(1, 80), roles: z.array(roleName).min(1).max(9).default(['member']) }))
      .min(1)
      .max(50),
    unit: z.strictObject({ code: z.string().regex(/^[a-z][a-z0-9-]{0,11}$/), name: nameText(1, 40), decimals: int(0, 6) }),
    membership: z.strictObject({
      min_founders: int(1, 50),
      min_members: int(0, 10_000),
      members_max: int(0, 10_000).default(0).describe('0 stands for 10 000.'),
      admission: z.enum(['open', 'one', 'two', 'vote']),
      sponsors: int(0, 5).default(0),
      probation_days: int(0, 730).default(0),
      provisional_powers: z.array(power).max(22).default(['compute.submit', 'ledger.pay']),
      notice_days: int(0, 365).default(0),
      application_days: int(1, 180).default(90),
      invite_days_max: int(1, 90).default(30),
      required_level: z.enum(personhoodLevels).default('none'),
      attesters: z.array(did).max(32).default([]),
      classes: z
        .array(z.strictObject({ id: smallId, name: nameText(1, 80), votes: z.boolean().default(true) }))
        .min(1)
        .max(12),
      tiers: z
        .array(z.strictObject({ id: smallId, name: nameText(1, 80), weight: int(1, 100).default(1), patronage: int(1, 100).default(1), shares_min: int(0, 1_000_000).default(0) }))
        .max(20)
        .default([]),
      one_member_one_vote: z.boolean().default(true),
    }),
    offices: z
      .strictObject({
        steward: Office.default({ min: 1, max: 15, term_days: 730 }),
        treasurer: Office.default({ min: 0, max: 5, term_days: 730 }),
        others: z
          .array(z.strictObject({ id: smallId, name: nameText(1, 80), term_days: int(0, 3_650).default(0), max: int(1, 50).default(5) }))
          .max(6)
          .default([{ id: 'facilitator', name: 'Facilitator', term_days: 365, max: 5 }]),
      })
      .prefault({}),
    powers: z.strictObject(powersShape).prefault({}),
    decides: z
      .record(
        z
          .string()
          .regex(/^[a-z]+(?:\.[a-z_]+){0,3}$/)
          .max(64),
        z.enum(decidesWays),
      )
      .refine((map) => Object.keys(map).length <= 64, { message: 'at most 64 kinds' })
      .default({}),
    decisions: z
      .strictObject({
        method: z.enum(['yes_no', 'consent', 'score']).default('yes_no'),
        quorum: Fraction.default({ num: 1, den: 2, strict: false }),
        approval: Fraction.default({ num: 1, den: 2, strict: true }),
        voting_days: int(1, 90).default(7),
      })
      .prefault({}),
    money: z
      .strictObject({
        credit_limit_default: int(0, 1_000_000_000_000).default(0).describe('Minor units of the unit.'),
        soft_limit_permille: int(1, 1_000).default(800),
        treasury_limit: int(0, 1_000_000_000_000).default(0),
        // Demurrage has its place; a value other than 0 has no law yet.
        demurrage_permille_year: int(0, 0).default(0),
      })
      .prefault({}),
    compute: z.strictObject({ core_hours_month: int(0, 100_000).default(5), concurrent: int(0, 1_000).default(2), starter_policy: charterHash.optional() }).prefault({}),
    amendment: z.strictObject({ ordinary: requirements(1, 7, 14, [1, 2], [2, 3], 7), critical: requirements(2, 14, 21, [3, 5], [3, 4], 14) }).prefault({}),
    appeals: z
      .strictObject({
        panel: z.enum(['drawn', 'named']).default('drawn'),
        size: z.literal([1, 3, 5]).default(3),
        stays: z
          .array(z.enum(['revocation', 'suspension', 'removal', 'membership_denial', 'office', 'governance_decision', 'dispute', 'steward_action', 'enrolment', 'other']))
          .max(10)
          .default(['removal', 'office']),
        on_silence: z
          .strictObject({
            removal: silence.default('appeal_upheld'),
            suspension: silence.default('appeal_upheld'),
            membership_denial: silence.default('appeal_upheld'),
            other: silence.default('decision_stands'),
          })
          .prefault({}),
        deadlines: z
          .strictObject({ file_days: int(1, 90).default(30), review_days: int(1, 90).default(14), hearing_days: int(1, 90).default(7), end_days: int(7, 365).default(90) })
          .prefault({}),
      })
      .prefault({}),
    dissolution: z
      .strictObject({
        notice_days: int(30, 730).default(30),
        positive: z
          .array(z.enum(['return_to_member', 'transfer_to_federation', 'donate_to_commons']))
          .max(3)
          .default(['return_to_member', 'transfer_to_federation', 'donate_to_commons']),
        negative: z
          .array(z.enum(['write_off', 'require_settlement', 'transfer_to_federation']))
          .max(3)
          .default(['write_off', 'require_settlement', 'transfer_to_federation']),
        capital: z
          .array(z.enum(['pro_rata', 'equal', 'no_return']))
          .max(3)
          .default(['pro_rata', 'equal', 'no_return']),
        residual: text(0, 200).default(''),
      })
      .prefault({}),
    recovery_delay_hours: int(24, 720).default(72),
  })
  .meta({ id: 'Charter' })

/** A charter as it is read: every default filled in. */
export type Charter = z.output<typeof CharterSchema>
type Loose<T> = T extends readonly (infer Item)[] ? readonly Loose<Item>[] : T extends object ? { readonly [K in keyof T]?: Loose<T[K]> } : T
type Written<T, Needed extends keyof T> = { readonly [K in Needed]: T[K] } & Loose<Omit<T, Needed>>
/** A charter as it may be written: what has a default may be left out. */
export type CharterText = Pick<Charter, 'v' | 'network' | 'coop_id' | 'name' | 'type' | 'unit'> & {
  readonly founders: readonly Written<Charter['founders'][number], 'did' | 'name'>[]
  readonly membership: Written<Omit<Charter['membership'], 'classes'>, 'min_founders' | 'min_members' | 'admission'> & {
    readonly classes: readonly Written<Charter['membership']['classes'][number], 'id' | 'name'>[]
    readonly tiers?: readonly Written<Charter['membership']['tiers'][number], 'id' | 'name'>[]
  }
} & Loose<Omit<Charter, 'v' | 'network' | 'coop_id' | 'name' | 'type' | 'unit' | 'founders' | 'membership'>>

/** Any plain document; what is wrong with it is found by the lint, which names every field. */
export type CharterDocument = Readonly<Record<string, unknown>>

export const charterDocument = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => {
      try {
        assertPlain(value)
        return encodeCanonical(value).length <= charterBytesMax
      } catch {
        return false
      }
    },
    { message: `must be a document of at most ${charterBytesMax} bytes with whole numbers and text in normalisation form C` },
  )
  .meta({ description: 'A charter; its schema is Charter. Problems are reported by the lint.' }) as unknown as z.ZodType<CharterDocument>

/** CIDv1 text of the canonical bytes of a charter as written. Throws NotCanonical for a document without such bytes. */
export function charterHashOf(document: CharterDocument): CharterHash {
  return cidOf(encodeCanonical(document)) as CharterHash
}

/** What a founder signs with the root key, as statement `charter`. */
export function charterStatementPayload(parts: { network: string; space: string; hash: string; coop_id: string; version: number }): Record<string, unknown> {
  return { network: parts.network, space: parts.space, hash: parts.hash, coop_id: parts.coop_id, version: parts.version }
}

/** What an invitation's key signs for a newcomer, as statement `redeem`. */
export function redeemStatementPayload(parts: { network: string; space: string; invite: string; did: Did }): Record<string, unknown> {
  return { network: parts.network, space: parts.space, invite: parts.invite, did: parts.did }
}

/** A mistake or a worry found in a charter; errors make it CHARTER_INVALID. */
export const CharterFinding = z.strictObject({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  pointer: z.string().describe('JSON pointer (RFC 6901) into the charter.'),
  text: z.string().optional(),
})
export interface CharterFindingData {
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly pointer: string
  readonly text?: string
}
