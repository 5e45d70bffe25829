import { secondMs } from '@icn/protocol'

/** How long what waits, in an attempt (snapshot page §5). */

export const resendFirstMs = 3 * secondMs
export const resendMaxMs = 24 * secondMs
export const markingMs = 20 * secondMs
export const unitingMs = 120 * secondMs
export const ackingMs = 30 * secondMs
/** The coordinator waits so long for those who could still acknowledge when enough have. */
export const othersMs = 5 * secondMs
/** When the coordinator publishes nothing, the host of rank r does after 10 s and r times as much (R8). */
export const rankMs = 10 * secondMs
