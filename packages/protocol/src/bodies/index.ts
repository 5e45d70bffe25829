import { actBodies } from './act.ts'
import { commonsBodies } from './commons.ts'
import { coopBodies } from './coop.ts'
import { identityBodies } from './identity.ts'
import { spaceBodies } from './space.ts'
import { trustBodies } from './trust.ts'

export * from './act.ts'
export * from './charter.ts'
export * from './commons.ts'
export * from './coop.ts'
export * from './identity.ts'
export * from './space.ts'
export * from './trust.ts'

/** Every kind of operation, with the schema of its body. */
export const bodies = { ...spaceBodies, ...identityBodies, ...actBodies, ...commonsBodies, ...coopBodies, ...trustBodies } as const

export type Kind = keyof typeof bodies
