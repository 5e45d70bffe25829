import type { CharterText, CoopType, Did, OperationId } from '@icn/protocol'

/** Starting points for a charter: everything but names, network and people. Data, also shipped in examples/charters. */
export type CharterTemplate = Omit<CharterText, 'network' | 'coop_id' | 'name' | 'founders' | 'type'> & { readonly types: readonly CoopType[] }

export const templateIds = ['worker', 'consumer', 'housing', 'platform', 'community', 'federation'] as const
export type TemplateId = (typeof templateIds)[number]

interface TemplateRow {
  readonly types: readonly CoopType[]
  readonly minFounders: number
  readonly admission: 'open' | 'one' | 'two' | 'vote'
  readonly sponsors: number
  readonly probationDays: number
  readonly noticeDays: number
  /** Id, name for people, and whether the class votes. */
  readonly classes: readonly (readonly [string, string, boolean])[]
  readonly quorum: readonly [number, number]
  /** Numerator, denominator, more than. */
  readonly approval: readonly [number, number, boolean]
  readonly votingDays: number
  readonly stewardMin: number
  readonly stewardTermDays: number
  readonly creditLimit: number
  readonly coreHours: number
  readonly concurrent: number
  readonly level: 'none' | 'weak'
}

const half: readonly [number, number] = [1, 2]
const quarter: readonly [number, number] = [1, 4]
const overHalf: readonly [number, number, boolean] = [1, 2, true]

/** The table of the commons page §9, row by row. */
const rows: Readonly<Record<TemplateId, TemplateRow>> = {
  worker: {
    types: ['worker', 'producer'],
    minFounders: 3,
    admission: 'two',
    sponsors: 1,
    probationDays: 90,
    noticeDays: 30,
    classes: [['worker', 'Worker', true]],
    quorum: half,
    approval: overHalf,
    votingDays: 7,
    stewardMin: 1,
    stewardTermDays: 730,
    creditLimit: 2_000,
    coreHours: 10,
    concurrent: 3,
    level: 'none',
  },
  consumer: {
    types: ['consumer', 'credit'],
    minFounders: 3,
    admission: 'one',
    sponsors: 0,
    probationDays: 0,
    noticeDays: 0,
    classes: [
      ['consumer', 'Consumer', true],
      ['worker', 'Worker', true],
    ],
    quorum: quarter,
    approval: overHalf,
    votingDays: 14,
    stewardMin: 1,
    stewardTermDays: 730,
    creditLimit: 1_000,
    coreHours: 5,
    concurrent: 2,
    level: 'none',
  },
  housing: {
    types: ['housing'],
    minFounders: 3,
    admission: 'two',
    sponsors: 1,
    probationDays: 30,
    noticeDays: 90,
    classes: [
      ['resident', 'Resident', true],
      ['supporter', 'Supporter', false],
    ],
    quorum: half,
    approval: overHalf,
    votingDays: 7,
    stewardMin: 2,
    stewardTermDays: 365,
    creditLimit: 2_000,
    coreHours: 5,
    concurrent: 2,
    level: 'weak',
  },
  platform: {
    types: ['platform', 'multi_stakeholder'],
    minFounders: 3,
    admission: 'one',
    sponsors: 0,
    probationDays: 30,
    noticeDays: 30,
    classes: [
      ['user', 'User', true],
      ['worker', 'Worker', true],
      ['producer', 'Producer', true],
    ],
    quorum: quarter,
    approval: overHalf,
    votingDays: 7,
    stewardMin: 1,
    stewardTermDays: 730,
    creditLimit: 1_000,
    coreHours: 20,
    concurrent: 4,
    level: 'none',
  },
  community: {
    types: ['community'],
    minFounders: 3,
    admission: 'open',
    sponsors: 0,
    probationDays: 0,
    noticeDays: 0,
    classes: [['member', 'Member', true]],
    quorum: quarter,
    approval: overHalf,
    votingDays: 14,
    stewardMin: 1,
    stewardTermDays: 365,
    creditLimit: 2_000,
    coreHours: 5,
    concurrent: 2,
    level: 'none',
  },
  federation: {
    types: ['federation'],
    minFounders: 2,
    admission: 'vote',
    sponsors: 0,
    probationDays: 90,
    noticeDays: 90,
    classes: [['organisation', 'Organisation', true]],
    quorum: [3, 5],
    approval: [2, 3, false],
    votingDays: 21,
    stewardMin: 2,
    stewardTermDays: 730,
    creditLimit: 100_000,
    coreHours: 50,
    concurrent: 5,
    level: 'none',
  },
}

function templateOf(id: TemplateId): CharterTemplate {
  const row = rows[id]
  const [quorumNum, quorumDen] = row.quorum
  const [num, den, strict] = row.approval
  return {
    v: 1,
    template: { id, version: 1 },
    types: row.types,
    unit: { code: 'hours', name: 'Hours', decimals: 2 },
    membership: {
      min_founders: row.minFounders,
      min_members: row.minFounders,
      admission: row.admission,
      sponsors: row.sponsors,
      probation_days: row.probationDays,
      provisional_powers: ['compute.submit', 'ledger.pay'],
      notice_days: row.noticeDays,
      application_days: 90,
      invite_days_max: 30,
      required_level: row.level,
      classes: row.classes.map(([classId, name, votes]) => ({ id: classId, name, votes })),
      one_member_one_vote: true,
    },
    offices: {
      steward: { min: row.stewardMin, max: 15, term_days: row.stewardTermDays },
      treasurer: { min: 0, max: 5, term_days: row.stewardTermDays },
      others: [{ id: 'facilitator', name: 'Facilitator', term_days: 365, max: 5 }],
    },
    decisions: { method: 'yes_no', quorum: { num: quorumNum, den: quorumDen }, approval: { num, den, strict }, voting_days: row.votingDays },
    money: { credit_limit_default: row.creditLimit, soft_limit_permille: 800, treasury_limit: 0, demurrage_permille_year: 0 },
    compute: { core_hours_month: row.coreHours, concurrent: row.concurrent },
  }
}

export const charterTemplates: Readonly<Record<TemplateId, CharterTemplate>> = Object.fromEntries(templateIds.map((id) => [id, templateOf(id)])) as Record<
  TemplateId,
  CharterTemplate
>

export function isTemplateId(id: string): id is TemplateId {
  return (templateIds as readonly string[]).includes(id)
}

/** The template made for a type of coop. */
export function templateForType(type: CoopType): TemplateId {
  return templateIds.find((id) => rows[id].types.includes(type)) ?? 'community'
}

export interface FilledParts {
  readonly network: OperationId
  readonly coop_id: string
  readonly name: string
  readonly type: CoopType
  readonly founders: readonly { readonly did: Did; readonly name: string; readonly roles?: readonly string[] }[]
  readonly unit?: CharterText['unit']
  readonly language?: string
  readonly min_founders?: number
  readonly attesters?: readonly Did[]
}

export interface FilledTemplate {
  readonly charter: CharterText
  /** `min_founders` was lowered to the number of founders named. */
  readonly lowered: boolean
}

/** A template with names and people put in. Numbers that fewer founders cannot reach fall to what they can. */
export function fillTemplate(id: TemplateId, parts: FilledParts): FilledTemplate {
  const { types: _types, ...template } = charterTemplates[id]
  const count = Math.max(parts.founders.length, 1)
  const wanted = parts.min_founders ?? template.membership.min_founders
  const minFounders = parts.min_founders === undefined ? Math.min(wanted, count) : wanted
  const founders = parts.founders.map(({ did, name, roles }) => ({ did, name, roles: [...(roles ?? ['member'])] }))
  // Without a named steward the first founder is one, so that a coop of plain members cannot come about.
  if (founders[0] !== undefined && !founders.some((founder) => founder.roles.includes('steward'))) founders[0].roles.push('steward')
  const needsAttesters = template.membership.required_level !== 'none'
  const attesters = parts.attesters ?? (needsAttesters ? founders.filter((founder) => founder.roles.includes('steward')).map((founder) => founder.did) : [])
  const charter: CharterText = {
    ...template,
    network: parts.network,
    coop_id: parts.coop_id as CharterText['coop_id'],
    version: 1,
    previous: null,
    name: parts.name,
    type: parts.type,
    language: parts.language ?? 'en',
    founders,
    unit: parts.unit ?? template.unit,
    membership: { ...template.membership, min_founders: minFounders, min_members: minFounders, ...(attesters.length > 0 ? { attesters: [...attesters] } : {}) },
    // A panel cannot be larger than the coop may be small.
    ...(minFounders < 3 ? { appeals: { size: 1 as const } } : {}),
  }
  return { charter, lowered: minFounders < wanted }
}
