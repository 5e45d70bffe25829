import type { Charter, CharterDocument, Code, Decides, Power } from '@icn/protocol'
import { CharterSchema, isDid, shippedDecides } from '@icn/protocol'

/** A mistake (error) or a worry (warning) with where it stands, as a JSON pointer. */
export interface CharterFinding {
  readonly code: Code
  readonly severity: 'error' | 'warning'
  readonly pointer: string
}

const findingsMax = 50

/** What no charter may decide with fewer than this. Kinds without a row have the floor `one`. */
const floors: Readonly<Record<string, Decides>> = {
  ...shippedDecides,
  'coop.host.add': 'one',
}
const strictness: Readonly<Record<Decides, number>> = { one: 0, two: 1, vote: 2 }

/** Powers without which a coop stands still. */
const neededPowers: readonly Power[] = ['member.admit', 'member.discipline', 'coop.manage', 'treasury.pay']

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

const placeholder = /^did:icn:[a-z][a-z0-9-]{1,62}$/

function shapeFindings(document: CharterDocument): CharterFinding[] {
  const parsed = CharterSchema.safeParse(document, { reportInput: true })
  if (parsed.success) return []
  return parsed.error.issues.flatMap((issue): CharterFinding[] => {
    const pointer = pointerOf(issue.path)
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ code: 'CHARTER_FIELD_UNKNOWN', severity: 'error', pointer: `${pointer}${pointerOf([key])}` }))
    if (issue.code === 'too_small' || issue.code === 'too_big') return [{ code: 'CHARTER_OUT_OF_BOUNDS', severity: 'error', pointer }]
    if (typeof issue.input === 'string' && placeholder.test(issue.input) && !isDid(issue.input)) return [{ code: 'CHARTER_PLACEHOLDER', severity: 'error', pointer }]
    return [{ code: 'CHARTER_FIELD_INVALID', severity: 'error', pointer }]
  })
}

/** Every mistake and worry, errors first; a document that does not fit the schema is judged by that alone. */
export function lint(document: CharterDocument): readonly CharterFinding[] {
  const shape = shapeFindings(document)
  if (shape.length > 0) return shape.slice(0, findingsMax)
  return lintCharter(CharterSchema.parse(document)).slice(0, findingsMax)
}

/** What a charter of the right shape gets wrong, errors first. */
export function lintCharter(charter: Charter): readonly CharterFinding[] {
  const findings: CharterFinding[] = []
  const error = (found: boolean, code: Code, pointer: string): void => void (found && findings.push({ code, severity: 'error', pointer }))
  const warn = (found: boolean, code: Code, pointer: string): void => void (found && findings.push({ code, severity: 'warning', pointer }))
  const { membership, offices, founders } = charter
  const membersMax = membership.members_max === 0 ? 10_000 : membership.members_max

  error(membership.min_founders > founders.length, 'CHARTER_MIN_FOUNDERS', '/membership/min_founders')
  error(membership.min_members < 1 || membership.min_members > membersMax, 'CHARTER_MIN_MEMBERS', '/membership/min_members')
  error(!founders.some((founder) => founder.roles.includes('steward')), 'CHARTER_NO_STEWARD', '/founders')
  for (const [kind, way] of Object.entries(charter.decides)) error(strictness[way] < strictness[floors[kind] ?? 'one'], 'CHARTER_BELOW_FLOOR', pointerOf(['decides', kind]))
  error(membership.required_level !== 'none' && membership.attesters.length === 0, 'CHARTER_NO_ATTESTERS', '/membership/attesters')
  error(!membership.classes.some((row) => row.votes), 'CHARTER_NO_VOTES', '/membership/classes')
  error(charter.appeals.size > Math.max(membership.min_members, 1), 'CHARTER_PANEL', '/appeals/size')
  lintRoles(charter, error)
  lintFractions(charter, error)
  for (const name of ['steward', 'treasurer'] as const) error(offices[name].min > offices[name].max, 'CHARTER_OFFICE_BOUNDS', `/offices/${name}`)
  for (const name of ['positive', 'negative', 'capital'] as const) error(charter.dissolution[name].length === 0, 'CHARTER_NO_DISSOLUTION', `/dissolution/${name}`)
  lintDuplicates(charter, error)

  warn(founders.length < 3, 'CHARTER_FEW_FOUNDERS', '/founders')
  warn(founders.filter((founder) => founder.roles.includes('steward')).length === 1, 'CHARTER_ONE_STEWARD', '/founders')
  warn(charter.money.credit_limit_default === 0, 'CHARTER_NO_CREDIT', '/money/credit_limit_default')
  warn(charter.appeals.stays.length === 0, 'CHARTER_NO_STAYS', '/appeals/stays')
  warn(membership.probation_days > 365, 'CHARTER_LONG_PROBATION', '/membership/probation_days')
  return findings
}

type Report = (found: boolean, code: Code, pointer: string) => void

/** Roles of powers exist, needed powers can be held, and founders' roles go together. */
function lintRoles(charter: Charter, error: Report): void {
  const offices = ['steward', 'treasurer', ...charter.offices.others.map((office) => office.id)]
  const holders = new Set(['member', ...offices])
  // The shipped table names facilitator; a charter without that office just leaves the name without holders.
  const known = new Set([...holders, 'facilitator'])
  for (const [name, roles] of Object.entries(charter.powers)) {
    for (const [index, role] of roles.entries()) error(!known.has(role), 'CHARTER_ROLE_UNKNOWN', pointerOf(['powers', name, index]))
    error(neededPowers.includes(name as Power) && !roles.some((role) => holders.has(role)), 'CHARTER_POWER_UNHELD', pointerOf(['powers', name]))
  }
  for (const [index, founder] of charter.founders.entries()) {
    const fits = founder.roles.includes('member') && founder.roles.every((role) => holders.has(role)) && new Set(founder.roles).size === founder.roles.length
    error(!fits, 'CHARTER_ROLE_UNKNOWN', pointerOf(['founders', index, 'roles']))
  }
}

function lintFractions(charter: Charter, error: Report): void {
  const fractions = [
    ['decisions', charter.decisions],
    ['amendment/ordinary', charter.amendment.ordinary],
    ['amendment/critical', charter.amendment.critical],
  ] as const
  for (const [where, part] of fractions) {
    for (const name of ['quorum', 'approval'] as const) {
      const { num, den, strict } = part[name]
      // More than the whole can never be reached.
      error(num < 1 || num > den || (strict && num === den), 'CHARTER_ZERO_FRACTION', `/${where}/${name}`)
    }
  }
}

function lintDuplicates(charter: Charter, error: Report): void {
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['/articles', charter.articles.map((article) => article.id)],
    ['/founders', charter.founders.map((founder) => founder.did)],
    ['/membership/classes', charter.membership.classes.map((row) => row.id)],
    ['/membership/tiers', charter.membership.tiers.map((row) => row.id)],
    ['/membership/attesters', charter.membership.attesters],
    ['/offices/others', ['member', 'observer', 'steward', 'treasurer', ...charter.offices.others.map((office) => office.id)]],
  ]
  for (const [pointer, ids] of lists) {
    // Own offices are compared with the built-in roles too, which stand first in their list.
    const offset = pointer === '/offices/others' ? 4 : 0
    for (const [index, id] of ids.entries()) error(ids.indexOf(id) !== index, 'CHARTER_DUPLICATE', `${pointer}/${index - offset}`)
  }
}
