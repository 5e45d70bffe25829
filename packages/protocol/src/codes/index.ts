import { coopCodes } from './coop.ts'
import type { CodeRow } from './define.ts'
import { directoryCodes } from './directory.ts'
import { doorCodes } from './doors.ts'
import { engineCodes } from './engine.ts'
import { identityCodes } from './identity.ts'
import { networkCodes } from './network.ts'
import { snapshotCodes } from './snapshot.ts'
import { spaceCodes } from './space.ts'
import { trustCodes } from './trust.ts'

export * from './classes.ts'
export * from './define.ts'

const rows = { ...engineCodes, ...spaceCodes, ...identityCodes, ...coopCodes, ...trustCodes, ...directoryCodes, ...networkCodes, ...doorCodes, ...snapshotCodes }

export type Code = keyof typeof rows

/** Every code a node may answer with: class, sentence in each language, remedy. */
export const codes: Readonly<Record<Code, CodeRow>> = rows
