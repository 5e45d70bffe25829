import { actRows } from './act.ts'
import { authRows } from './auth.ts'
import { archiveRows } from './archive.ts'
import { backupRows } from './backup.ts'
import { charterRows } from './charter.ts'
import { commonsRows } from './commons.ts'
import { coopRows } from './coop.ts'
import { decisionRows } from './decision.ts'
import { deviceRows } from './device.ts'
import { directoryRows } from './directory.ts'
import { eventRows } from './event.ts'
import { foundingRows } from './founding.ts'
import { hostRows } from './host.ts'
import { identityRows } from './identity.ts'
import { inviteRows } from './invite.ts'
import { jobRows } from './job.ts'
import { meRows } from './me.ts'
import { memberRows } from './member.ts'
import { networkRows } from './network.ts'
import { networkPeerRows } from './network-peers.ts'
import { nodeRows } from './node.ts'
import { operationRows } from './operation.ts'
import { quarantineRows } from './quarantine.ts'
import type { Row } from './row.ts'
import { snapshotRows } from './snapshot.ts'
import { spaceRows } from './space.ts'
import { trustRows } from './trust.ts'

export * from './act.ts'
export * from './auth.ts'
export * from './archive.ts'
export * from './backup.ts'
export * from './charter.ts'
export * from './common.ts'
export * from './commons.ts'
export * from './coop.ts'
export * from './decision.ts'
export * from './device.ts'
export * from './directory.ts'
export * from './event.ts'
export * from './founding.ts'
export * from './host.ts'
export * from './identity.ts'
export * from './invite.ts'
export * from './job.ts'
export * from './me.ts'
export * from './member.ts'
export * from './network.ts'
export * from './network-peers.ts'
export * from './node.ts'
export * from './operation.ts'
export * from './quarantine.ts'
export * from './row.ts'
export * from './snapshot.ts'
export * from './space.ts'
export * from './trust.ts'

/** Everything that can be asked of a node, by method name. */
export const operations = {
  ...authRows,
  ...meRows,
  ...identityRows,
  ...deviceRows,
  ...actRows,
  ...coopRows,
  ...charterRows,
  ...foundingRows,
  ...memberRows,
  ...inviteRows,
  ...hostRows,
  ...networkRows,
  ...networkPeerRows,
  ...commonsRows,
  ...directoryRows,
  ...trustRows,
  ...spaceRows,
  ...snapshotRows,
  ...operationRows,
  ...decisionRows,
  ...quarantineRows,
  ...eventRows,
  ...jobRows,
  ...nodeRows,
  ...archiveRows,
  ...backupRows,
} as const

export type OperationsTable = typeof operations
export type MethodName = keyof OperationsTable

export const methodNames = Object.keys(operations) as readonly MethodName[]

export function rowOf(method: MethodName): Row {
  return operations[method] as unknown as Row
}

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(operations, name)
}
