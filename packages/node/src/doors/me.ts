import {
  actsOf,
  type CoopRow,
  coopRow,
  directory,
  foundingState,
  grantFor,
  identityState,
  listConflicts,
  listMembers,
  listReviews,
  memberAt,
  memberLog,
  standingOf,
} from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { Did, Facts, MeView, NeedView, OperationId, SpaceId } from '@icn/protocol'
import { commonsSpace, powers, sayText, type TextKey, timeText } from '@icn/protocol'
import type { Handlers, Standing } from '../calls/call.ts'
import { callerDid, defineHandlers } from '../calls/call.ts'
import { toJson } from '../calls/json.ts'
import { languageOf } from '../calls/render.ts'
import { changesOf, saidBy } from '../commons/views.ts'
import { mayConfirm } from '../identity/views.ts'
import { quarantineView } from './views.ts'

export interface MeParts {
  readonly journal: JournalApi
  readonly standing: Standing
  now(): number
}

/** Larger: one person's page walks every register; smaller: a busy steward does not see everything. */
const needsMax = 500
const actsMax = 500
const changesMax = 1_000

/** The caller's own matters over every space held here (doors page §14). */
export function meHandlers(parts: MeParts): Handlers<'me.get' | 'me.changes' | 'me.needs'> {
  const coops = (did: Did): readonly { readonly space: SpaceId; readonly facts: Facts }[] =>
    parts.journal.spaces().flatMap(({ space }) => {
      const facts = space === 'commons' ? undefined : parts.journal.read(space)
      return facts === undefined || parts.standing.rights(did, space).size === 0 ? [] : [{ space, facts }]
    })
  return defineHandlers<'me.get' | 'me.changes' | 'me.needs'>({
    'me.get': (call) => {
      const did = callerDid(call)
      const spaces = coops(did).map(({ space, facts }) => myStanding(parts, did, space, facts))
      const states = parts.journal.spaces().map(({ space }) => {
        const facts = parts.journal.read(space)
        return facts === undefined ? 'active' : identityState(facts, did)
      })
      const state = states.find((each) => each !== 'active') ?? 'active'
      return { value: { did, signer: call.caller.signer ?? did, state, operator: call.caller.operator, spaces } }
    },
    'me.changes': (call) => {
      const did = callerDid(call)
      const items = coops(did).flatMap(({ space, facts }) =>
        memberLog(facts, did, { limit: changesMax }).map((line) => ({
          space,
          operation_id: line.op as OperationId,
          did,
          at: timeText(line.at),
          kind: line.kind,
          by: line.by,
          via: line.via,
          changes: line.changes.map((change) => ({ field: change.field, before: toJson(change.before), after: toJson(change.after) })),
          reason: line.reason ?? null,
        })),
      )
      items.sort((a, b) => a.at.localeCompare(b.at) || a.operation_id.localeCompare(b.operation_id))
      return slice(call.page.reverse ? items.reverse() : items, call.page, (item) => item.operation_id)
    },
    'me.needs': (call) => {
      const did = callerDid(call)
      const items = coops(did)
        .flatMap(({ space, facts }) => needsIn(parts, did, space, facts, call.caller.lang))
        .slice(0, needsMax)
      return slice(call.page.reverse ? items.reverse() : items, call.page, (item) => `${item.kind} ${item.space} ${item.ref}`)
    },
  })
}

function slice<Item>(
  items: readonly Item[],
  page: { readonly limit: number; readonly after: unknown },
  key: (item: Item) => string,
): { items: readonly Item[]; next: string | null } {
  const from = page.after === null ? 0 : items.findIndex((item) => key(item) === page.after) + 1
  const found = items.slice(from, from + page.limit)
  const last = found.at(-1)
  return { items: found, next: last === undefined || from + found.length >= items.length ? null : key(last) }
}

function myStanding(parts: MeParts, did: Did, space: SpaceId, facts: Facts): MeView['spaces'][number] {
  const words = parts.standing.rights(did, space)
  return {
    space,
    name: coopRow(facts)?.name ?? null,
    standing: standingOf(facts, did),
    roles: [...(memberAt(facts, did, parts.now())?.roles ?? [])],
    powers: powers.filter((power) => words.has(power)),
    node_grant: nodeGrantOf(parts, facts, did),
  }
}

function nodeGrantOf(parts: MeParts, facts: Facts, did: Did): OperationId | null {
  // Any kind that nodes may sign tells whether a grant is there; its scopes are in the list of grants.
  for (const kind of ['act.propose', 'coop.member.admit', 'coop.member.profile']) {
    const grant = grantFor(facts, did, parts.journal.node, kind, parts.now())
    if (grant !== undefined) return grant.id
  }
  return null
}

type Need = (kind: NeedView['kind'], ref: string, method: string, input: Record<string, unknown>, params?: Record<string, unknown>, dueAt?: number) => void

function needsIn(parts: MeParts, did: Did, space: SpaceId, facts: Facts, lang: string): NeedView[] {
  const words = parts.standing.rights(did, space)
  const coop = coopRow(facts)
  if (coop === undefined) return []
  const now = parts.now()
  const { coop_id, name } = coop
  const found: NeedView[] = []
  const need: Need = (kind, ref, method, input, params = {}, dueAt) => {
    found.push({
      kind,
      space,
      ref,
      text: sayText(`need.${kind}` as TextKey, languageOf(lang), { name, ...params }),
      due_at: dueAt === undefined ? null : timeText(dueAt),
      method,
      input,
    })
  }
  if (coop.status === 'forming' && words.has('founder')) {
    const state = foundingState(facts, now)
    const me = state.founders.find((founder) => founder.did === did)
    if (me !== undefined && me.signed_at === undefined) need('sign_charter', coop.charter_hash, 'coop.sign_charter', { coop_id, hash: coop.charter_hash })
    else if (coop.ratified && me !== undefined) need('activate', coop.charter_hash, 'coop.activate', { coop_id, charter_hash: coop.charter_hash })
  }
  const row = memberAt(facts, did, now)
  if (row?.status === 'invited') need('accept_membership', did, 'coop.accept_membership', { coop_id, did, charter_hash: coop.charter_hash }, {}, row.deadline_at)
  if (row?.removal !== undefined) need('removal_due', row.removal.op, 'coop.get_member', { coop_id, did }, {}, row.removal.due_at)
  if (row?.leaving_at !== undefined) need('leaving_due', did, 'coop.stay', { coop_id, did }, {}, row.leaving_at)
  if (row?.status === 'suspended' && row.suspended_until_at !== undefined) need('suspension_ends', did, 'coop.get_member', { coop_id, did }, {}, row.suspended_until_at)
  for (const act of actsOf(facts, { state: 'open', limit: actsMax }, now)) {
    if (!mayConfirm(facts, space, act, did, now)) continue
    const { id, row } = act
    need('confirm_act', id, 'act.confirm', { space, operation_id: id }, { proposer: memberAt(facts, row.proposer, now)?.name ?? row.proposer, kind: row.kind }, row.expires_at)
  }
  if (words.has('member.admit'))
    for (const applicant of listMembers(facts, { status: ['applied'] }, now))
      need('decide_application', applicant.did, 'coop.approve_member', { coop_id, did: applicant.did }, { person: applicant.name }, applicant.deadline_at)
  if (words.has('review.settle')) {
    for (const review of listReviews(facts))
      if (review.state === 'open')
        need('settle_review', review.op, 'coop.review.settle', { coop_id, operation_id: review.op }, { person: memberAt(facts, review.by, now)?.name ?? review.by })
    for (const conflict of listConflicts(facts))
      if (conflict.state === 'open')
        need('settle_conflict', conflict.op, 'coop.conflict.settle', { coop_id, operation_id: conflict.op, field: conflict.field }, { field: conflict.field })
  }
  for (const placed of parts.journal.quarantine(space, { limit: 100 })) {
    const mine = placed.operation.envelope.author === did
    if ((mine || words.has('review.settle')) && quarantineView(placed, facts).state === 'open')
      need('settle_quarantine', placed.operation.id, 'quarantine.get', { space, operation_id: placed.operation.id })
  }
  directoryNeeds(parts, did, coop, facts, need)
  return found
}

/** An entry that waits, or is no longer true, is a matter of whoever may change it; the call itself works out what to say. */
function directoryNeeds({ journal }: MeParts, did: Did, { coop_id, genesis, status }: CoopRow, facts: Facts, need: Need): void {
  const row = journal.read(commonsSpace)?.get(directory, [coop_id])
  if (row === undefined || row.genesis !== genesis) return
  if (row.status === 'reserved') {
    if (row.reserved_by === did && status === 'active') need('enter_directory', row.genesis, 'commons.coop.register', { coop_id }, {}, row.expires_at)
    return
  }
  const said = row.controllers.includes(did) && row.status !== 'dissolved' ? saidBy(facts) : undefined
  const fields = said === undefined ? [] : Object.keys(changesOf(said, row))
  if (fields.length > 0) need('update_directory', `${row.genesis} ${row.version}`, 'commons.coop.update', { coop_id }, { fields: fields.join(', ') })
}
