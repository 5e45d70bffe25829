import { accept, admitMember, apply, confirm, decline, sponsor, withdraw } from './admission.ts'
import { calendarSet } from './calendar.ts'
import { memberReinstate, memberRemove, memberResign, memberStay, memberSuspend, memberUnban } from './discipline.ts'
import { entryAdd, entryRemove } from './entries.ts'
import { hostAccept, hostAdd, hostLeave, hostRemove } from './hosts.ts'
import { inviteCancel, inviteCreate, inviteRedeem } from './invites.ts'
import type { KindSpec } from './kind.ts'
import { abandon, resume, suspend } from './lifecycle.ts'
import { reviewSettle } from './review.ts'
import { memberPlace, memberProfile, memberRoles } from './roles.ts'
import { conflictSettle, settingsSet } from './settings.ts'
import { sweep } from './sweep.ts'

/** Every kind that the common checks apply to. Founding has laws of its own, because its checks come before there is a register. */
export const coopKinds: readonly KindSpec[] = [
  abandon,
  suspend,
  resume,
  apply,
  withdraw,
  sponsor,
  admitMember,
  accept,
  decline,
  confirm,
  memberSuspend,
  memberReinstate,
  memberRemove,
  memberUnban,
  memberResign,
  memberStay,
  memberRoles,
  memberPlace,
  memberProfile,
  inviteCreate,
  inviteCancel,
  inviteRedeem,
  entryAdd,
  entryRemove,
  hostAdd,
  hostAccept,
  hostRemove,
  hostLeave,
  settingsSet,
  calendarSet,
  conflictSettle,
  reviewSettle,
  sweep,
]

const byKind = new Map(coopKinds.map((spec) => [spec.kind, spec]))

export function kindSpec(kind: string): KindSpec | undefined {
  return byKind.get(kind)
}
