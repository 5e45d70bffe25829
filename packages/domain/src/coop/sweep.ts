import type { CoopSweep, Did, Facts, OperationId, SweepKind, Tables } from '@icn/protocol'
import { CoopSweep as CoopSweepBody, sweepKinds } from '@icn/protocol'
import { reinstate } from './discipline.ts'
import { closeInvite } from './invites.ts'
import type { KindSpec } from './kind.ts'
import { effectiveStewards, leavesSteward } from './state.ts'
import type { InviteRow, MemberRow, OfficerRow } from './tables.ts'
import { due, hosts, invites, members, officers, standingStatuses } from './tables.ts'
import type { Case } from './write.ts'
import { endMember, setOffices, writeMember } from './write.ts'

/** What time has brought: a host proposes it, this law looks whether it is so. */

export interface SweepItem {
  readonly kind: SweepKind
  readonly ref: string
}

function memberOf(facts: Facts, ref: string): MemberRow | undefined {
  return facts.get(members, [ref as Did])
}

function officeOf(facts: Facts, ref: string): { readonly role: string; readonly did: Did; readonly row: OfficerRow } | undefined {
  const [role, did] = ref.split(' ')
  if (role === undefined || did === undefined) return undefined
  const row = facts.get(officers, [role, did as Did])
  return row === undefined ? undefined : { role, did: did as Did, row }
}

const over = (time: number | undefined, at: number): boolean => time !== undefined && time <= at

/** The time has come and nothing stands in the way; the last steward stays until another one is there. */
export function isDue(facts: Facts, item: SweepItem, at: number): boolean {
  if (item.kind === 'invite' && !item.ref.startsWith('did:')) {
    const row = facts.get(invites, [item.ref as OperationId])
    return row !== undefined && row.state === 'open' && over(row.expires_at, at)
  }
  if (item.kind === 'term') {
    const office = officeOf(facts, item.ref)
    if (office === undefined || !over(office.row.until_at, at)) return false
    return office.role !== 'steward' || effectiveStewards(facts, at, { except: office.did }).length > 0
  }
  const row = memberOf(facts, item.ref)
  if (row === undefined) return false
  switch (item.kind) {
    case 'invite':
      return row.status === 'invited' && over(row.deadline_at, at)
    case 'application':
      return row.status === 'applied' && over(row.deadline_at, at)
    case 'probation':
      return row.status === 'provisional' && over(row.deadline_at, at)
    case 'suspension':
      return row.status === 'suspended' && row.removal === undefined && over(row.suspended_until_at, at)
    case 'notice':
      return standingStatuses.has(row.status) && over(row.leaving_at, at) && leavesSteward(facts, row.did, at).ok
    case 'removal':
      return row.removal !== undefined && over(row.removal.due_at, at)
  }
}

function run(tables: Tables, c: Case, item: SweepItem): void {
  if (item.kind === 'invite' && !item.ref.startsWith('did:')) {
    const ref = item.ref as OperationId
    closeInvite(tables, ref, tables.get(invites, [ref]) as InviteRow, 'cancelled', true)
    tables.emit('coop.invite_cancelled', { ref, expired: true })
    return
  }
  if (item.kind === 'term') {
    const office = officeOf(tables, item.ref) as NonNullable<ReturnType<typeof officeOf>>
    const row = tables.get(members, [office.did]) as MemberRow
    const roles = row.roles.filter((role) => role !== office.role)
    setOffices(tables, c, { did: row.did, roles, given_by: null }, row.roles)
    writeMember(tables, c, { ...row, roles })
    tables.emit('coop.member_role_updated', { did: row.did, roles })
    return
  }
  const row = memberOf(tables, item.ref) as MemberRow
  runMember(tables, c, item.kind, row)
}

function runMember(tables: Tables, c: Case, kind: SweepKind, row: MemberRow): void {
  const { did } = row
  switch (kind) {
    case 'invite':
    case 'application':
      endMember(tables, c, row, { status: 'declined', code: 'expired' })
      tables.emit('coop.member_declined', { did, code: 'expired' })
      return
    case 'probation': {
      const { deadline_at: _d, ...kept } = row
      writeMember(tables, c, { ...kept, status: 'active', full_at: c.op.at[0] })
      tables.emit('coop.member_confirmed', { did })
      return
    }
    case 'suspension':
      reinstate(tables, c, row)
      return
    case 'notice':
      endMember(tables, c, row, { status: 'resigned', code: 'resigned' })
      tables.emit('coop.member_resigned', { did })
      return
    case 'removal': {
      const removal = row.removal as NonNullable<MemberRow['removal']>
      const status = removal.ban ? 'banned' : 'removed'
      endMember(tables, c, row, { status, code: removal.code, reason: removal.reason })
      tables.emit('coop.member_removed', { did, status })
      return
    }
    case 'term':
      return
  }
}

export const sweep: KindSpec<CoopSweep> = {
  kind: 'coop.sweep',
  key: 'R',
  body: CoopSweepBody,
  statuses: ['active', 'suspended', 'dissolving'],
  by: 'anyone',
  check(c, facts, j) {
    j.refuseIf(facts.get(hosts, [c.proposer])?.status !== 'active', 'NOT_A_HOST')
    j.refuseIf(!c.body.items.some((item) => isDue(facts, item, c.op.at[0])), 'SWEEP_DONE')
  },
  apply(c, tables) {
    // One by one on what the one before has left: of the last two stewards only one can go.
    for (const item of c.body.items) if (isDue(tables, item, c.op.at[0])) run(tables, c, item)
  },
}

const isSweepKind = (kind: string): kind is SweepKind => (sweepKinds as readonly string[]).includes(kind)

/** What a sweeper should propose now, oldest first; rows that wait for something else are left out. */
export function dueItems(facts: Facts, at: number, limit = 100): readonly SweepItem[] {
  const found: SweepItem[] = []
  for (const [[when, kind, ref]] of facts.scan(due)) {
    if (when > at || found.length >= limit) break
    if (isSweepKind(kind) && isDue(facts, { kind, ref }, at)) found.push({ kind, ref })
  }
  return found
}
