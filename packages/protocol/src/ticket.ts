import { z } from 'zod'
import { decodeTrusted, encodeTrusted, fromBase64Url, toBase64Url } from './canonical.ts'
import { did, operationId, spaceId, timeMs } from './schema.ts'

/** What shows an invited node where the hosts of its space are (network page §4). It gives no right: hand it to the one it is for. */
const Ticket = z.strictObject({
  v: z.literal(1),
  network_id: operationId,
  space: spaceId,
  genesis: operationId,
  /** Whom it is for. */
  node: did,
  hosts: z
    .array(z.strictObject({ did, addresses: z.array(z.string().max(128)).max(8) }))
    .min(1)
    .max(16),
  expires_at: timeMs,
})
export type HostTicket = z.output<typeof Ticket>

const prefix = 'icnhost1'

export const hostTicketText = (ticket: HostTicket): string => prefix + toBase64Url(encodeTrusted(ticket))

/** Undefined for whatever is not a ticket. */
export function readHostTicket(text: string): HostTicket | undefined {
  if (!text.startsWith(prefix)) return undefined
  try {
    const read = Ticket.safeParse(decodeTrusted(fromBase64Url(text.slice(prefix.length))))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}
