import type { Handlers } from '../calls/index.ts'
import { type ActMethods, actHandlers } from './acts.ts'
import { type DeviceMethods, deviceHandlers, type KeyMethods, keyHandlers } from './devices.ts'
import { type GrantMethods, grantHandlers } from './grants.ts'
import type { IdentityParts } from './parts.ts'

export type { IdentityParts } from './parts.ts'
export { measureIdentity } from './measure.ts'
export { suspectsOf } from './suspects.ts'
export { sweepIdentity } from './sweep.ts'

export type IdentityMethod = GrantMethods | DeviceMethods | KeyMethods | ActMethods

/** Handlers of the identity actor's rows. It holds no state of its own; sessions are the doors'. */
export function identityHandlers(parts: IdentityParts): Handlers<IdentityMethod> {
  return { ...grantHandlers(parts), ...deviceHandlers(parts), ...keyHandlers(), ...actHandlers(parts) }
}
