import type { Clock, Did, OperationId, Tables } from '@icn/protocol'
import { compareClocks } from '@icn/protocol'
import { effectiveStewards, holdsOffice } from './state.ts'
import type { DeedRow, MemberRow } from './tables.ts'
import { counts, deeds, hosts, invites, members, officers, reviews, standingStatuses } from './tables.ts'
import type { Case } from './write.ts'
import { addCount, writeMember } from './write.ts'

/**
 * What a removed person did after the last checkpoint their remover had seen goes under review: a wider net than true
 * concurrency, on purpose, because last-minute deeds deserve a second look (coop page §8).
 */

/** Larger: one removal writes too many rows; smaller: a large invitation drive is put under review as one. */
export const reviewsPerRemovalMax = 200

interface Deed extends DeedRow {
  readonly op: OperationId
}

/** Puts every deed of the removed person after the cut under review; `cut` undefined: the remover had seen no checkpoint. */
export function openReviews(tables: Tables, c: Case, removed: Did, cut: Clock | undefined): void {
  const after: Deed[] = []
  const from = cut === undefined ? [removed] : [removed, cut[0]]
  for (const [[did, , op], deed] of tables.scan(deeds, { prefix: [removed], from })) {
    if (did !== removed || op === c.op.id) continue
    if (cut === undefined || compareClocks(deed.at, cut) > 0) after.push({ ...deed, op })
  }
  // The newest first: they are what the remover can have known least about.
  after.reverse()
  const single = after.slice(0, reviewsPerRemovalMax)
  const rest = after.slice(reviewsPerRemovalMax)
  for (const deed of single) openReview(tables, c, removed, deed)
  if (rest.length === 0) return
  const oldest = rest[rest.length - 1] as Deed
  tables.put(counts, [`rest:${removed}`], oldest.at[0] - 1)
  tables.put(reviews, [c.op.id], { kind: 'rest', ref: removed, by: removed, removal_op: c.op.id, opened_at: c.op.at[0], state: 'open' })
  addCount(tables, 'reviews.open', 1)
  tables.emit('coop.review_opened', { ref: c.op.id, kind: 'rest', by: removed })
}

function openReview(tables: Tables, c: Case, removed: Did, deed: Deed): void {
  const before = tables.get(reviews, [deed.op])
  // An open one stays; what another steward has confirmed is that steward's word now.
  if (before?.state === 'open') return
  if (before?.state === 'confirmed' && before.settled_by !== removed) return
  if (deed.kind === 'roles' && !mayReviewRoles(tables, c, deed)) return
  if (deed.kind === 'admission' && !mayReviewAdmission(tables, c, deed)) return
  if (!takeEffectAway(tables, c, deed)) return
  tables.put(reviews, [deed.op], {
    kind: deed.kind,
    ref: deed.ref,
    by: removed,
    removal_op: c.op.id,
    opened_at: c.op.at[0],
    state: 'open',
    ...(deed.roles_before === undefined ? {} : { roles_before: deed.roles_before }),
    ...(deed.gave === undefined ? {} : { gave: deed.gave }),
  })
  addCount(tables, 'reviews.open', 1)
  tables.emit('coop.review_opened', { ref: deed.op, kind: deed.kind, by: removed })
}

/** Offices of those who decide this removal stay, and the coop keeps at least one steward who can act. */
function mayReviewRoles(tables: Tables, c: Case, deed: Deed): boolean {
  const did = deed.ref as Did
  const gave = deed.gave ?? []
  if (gave.length > 0 && c.persons.includes(did)) return false
  if (!gave.includes('steward') || !holdsOffice(tables, 'steward', did, c.op.at[0])) return true
  return effectiveStewards(tables, c.op.at[0], { except: did }).length > 0
}

function mayReviewAdmission(tables: Tables, c: Case, deed: Deed): boolean {
  const did = deed.ref as Did
  if (c.persons.includes(did)) return false
  const stewards = effectiveStewards(tables, c.op.at[0])
  return !stewards.includes(did) || stewards.length > 1
}

/** Whatever the deed gave stops having effect until somebody has looked. False: there is nothing left to look at. */
function takeEffectAway(tables: Tables, c: Case, deed: Deed): boolean {
  switch (deed.kind) {
    case 'invite': {
      const ref = deed.ref as OperationId
      const row = tables.get(invites, [ref])
      if (row === undefined || (row.state === 'cancelled' && row.used.length === 0)) return false
      for (const { did } of row.used) holdBack(tables, c, did, deed.op, ref)
      if (row.state === 'open') {
        addCount(tables, 'invites.open', -1)
        tables.put(invites, [ref], { ...row, state: 'review' })
      }
      return true
    }
    case 'admission':
      return holdBack(tables, c, deed.ref as Did, deed.op)
    case 'roles': {
      const did = deed.ref as Did
      for (const role of deed.gave ?? []) {
        const office = tables.get(officers, [role, did])
        if (office !== undefined) tables.put(officers, [role, did], { ...office, review: deed.op })
      }
      return true
    }
    case 'host': {
      const did = deed.ref as Did
      const row = tables.get(hosts, [did])
      if (row === undefined || (row.status !== 'invited' && row.status !== 'active')) return false
      // The only active host goes on: without one the space could never be final again.
      if (row.status === 'active' && (tables.get(counts, ['hosts.active']) ?? 0) <= 1) return false
      if (row.status === 'active') addCount(tables, 'hosts.active', -1)
      tables.put(hosts, [did], { ...row, status: 'review', status_before: row.status })
      return true
    }
    default:
      // Suspensions and removals stand until they are undone.
      return tables.get(members, [deed.ref as Did]) !== undefined
  }
}

/** Those who decide this removal, and the last steward who can act, are not held back. */
function holdBack(tables: Tables, c: Case, did: Did, review: OperationId, invite?: OperationId): boolean {
  const row: MemberRow | undefined = tables.get(members, [did])
  if (row === undefined || c.persons.includes(did)) return false
  if (invite !== undefined && row.invite !== invite) return false
  if (!standingStatuses.has(row.status) && row.status !== 'invited' && row.status !== 'applied') return false
  if (row.review !== undefined) return true
  const stewards = effectiveStewards(tables, c.op.at[0])
  if (stewards.length === 1 && stewards[0] === did) return false
  writeMember(tables, c, { ...row, review })
  return true
}
