import type { Handlers } from '../calls/call.ts'
import { exportHandlers } from './export.ts'
import { foundingHandlers } from './founding.ts'
import { importHandlers } from './import.ts'
import { inviteHandlers } from './invites.ts'
import { houseHandlers, memberHandlers, registerHandlers } from './members.ts'
import type { CoopParts } from './parts.ts'
import { charterHandlers, readHandlers } from './reads.ts'

export type { CoopParts } from './parts.ts'
export { readSignedGenesis } from './founding.ts'
export { type CoopGauges, coopGauges } from './gauges.ts'
export { sweepCoops, type Swept } from './sweep.ts'
export { isTimeZone, newOffsets } from './time-zone.ts'
export { coopView, memberView } from './views.ts'

/** Handlers of every row of the coop actor. It holds no state of its own: it drafts, proposes and reads. */
export function coopHandlers(parts: CoopParts): Handlers<CoopMethod> {
  return {
    ...foundingHandlers(parts),
    ...readHandlers(parts),
    ...charterHandlers(),
    ...registerHandlers(parts),
    ...memberHandlers(parts),
    ...houseHandlers(parts),
    ...inviteHandlers(parts),
    ...importHandlers(parts),
    ...exportHandlers(parts),
  }
}

type MethodsOf<H> = H extends Handlers<infer M> ? M : never
export type CoopMethod =
  | MethodsOf<ReturnType<typeof foundingHandlers>>
  | MethodsOf<ReturnType<typeof readHandlers>>
  | MethodsOf<ReturnType<typeof charterHandlers>>
  | MethodsOf<ReturnType<typeof registerHandlers>>
  | MethodsOf<ReturnType<typeof memberHandlers>>
  | MethodsOf<ReturnType<typeof houseHandlers>>
  | MethodsOf<ReturnType<typeof inviteHandlers>>
  | MethodsOf<ReturnType<typeof importHandlers>>
  | MethodsOf<ReturnType<typeof exportHandlers>>
