import { z } from 'zod'
import { sha256 } from '#sha256'
import { encodeCanonical } from '../canonical.ts'
import { bytes, charterHash, did, int, nameText, operationId, text, timeMs } from '../schema.ts'
import { dayMs, hourMs } from '../units.ts'
import { charterDocument, coopType } from './charter.ts'
import { NoBody } from './coop.ts'

/** Bodies of the kinds of `commons` (commons page §2). */

/** Larger: a majority is hard to gather; smaller: the network hangs on few. */
export const keepersMax = 31
export const genesisStewardsMax = 15

export const CommonsFound = z.strictObject({
  name: nameText(1, 120),
  /** Nodes whose majority makes `commons` final. */
  keepers: z.array(did).min(1).max(keepersMax),
  /** People of the network's first hour; none on a node that founds a network of its own (ruling 1). */
  stewards: z.array(did).max(genesisStewardsMax),
  nonce: bytes(16),
})
export type CommonsFound = z.output<typeof CommonsFound>

/** How long a reserved id waits for its coop [ms]. Larger: good names are kept from others; smaller: an assembly that meets every second month loses it. */
export const reservationMs = 30 * dayMs
/** Ids one person keeps at a time. */
export const reservationsMax = 3
/** People whom one node introduces in a UTC day. Larger: flooding is cheap; smaller: a founding fair stands in a queue. */
export const viaPerDay = 200
/** How old an introduction may be, at most [ms]. */
export const viaMsMax = hourMs
export const controllersMax = 9
export const listedHostsMax = 16

export const directoryStatuses = ['reserved', 'active', 'suspended', 'dissolving', 'dissolved'] as const
export type DirectoryStatus = (typeof directoryStatuses)[number]

const signedBy = z.strictObject({ did, key: did, signature: bytes(64) })
// Grammar is the law's, so that it has a code of its own.
const coopId = z.string().max(128)
const name = text(0, 240)
const address = z.string().min(1).max(128)
export const ListedHost = z.strictObject({ did, addresses: z.array(address).max(8), origin: z.string().max(200).optional() })
export type ListedHost = z.output<typeof ListedHost>
const controllers = z.array(did).min(1).max(controllersMax)
const threshold = int(0, 99)
const hosts = z.array(ListedHost).max(listedHostsMax)
const description = text(0, 500)
const website = z.string().max(200)

/** A known node introduces somebody who has no part in `commons` yet; the statement is `via`. */
const via = z.strictObject({ did, key: did, signature: bytes(64), expires_at: timeMs })

/** What keepers decide together about who is one; `addresses` are multiaddrs at which the node may be asked. */
export const KeeperAdd = z.strictObject({ did, label: nameText(1, 64), addresses: z.array(address).max(8) })
export type KeeperAdd = z.output<typeof KeeperAdd>
export const KeeperRemove = z.strictObject({ did })
export type KeeperRemove = z.output<typeof KeeperRemove>

export const CoopReserve = z.strictObject({ coop_id: coopId, genesis: operationId, name, type: coopType, via: via.optional() })
export type CoopReserve = z.output<typeof CoopReserve>

export const CoopRegister = z.strictObject({
  coop_id: coopId,
  genesis: operationId,
  name,
  type: coopType,
  charter_hash: charterHash,
  charter: charterDocument.optional(),
  signatures: z.array(signedBy).max(50),
  controllers,
  threshold,
  hosts,
  description: description.optional(),
  website: website.optional(),
})
export type CoopRegister = z.output<typeof CoopRegister>

export const DirectoryChanges = z.strictObject({
  name: name.optional(),
  type: coopType.optional(),
  status: z.enum(directoryStatuses).optional(),
  charter_hash: charterHash.optional(),
  charter_version: int(1, 100_000).optional(),
  controllers: controllers.optional(),
  threshold: threshold.optional(),
  hosts: hosts.optional(),
  description: description.optional(),
  website: website.optional(),
})
export type DirectoryChanges = z.output<typeof DirectoryChanges>

export const CoopDirectoryUpdate = z.strictObject({
  coop_id: coopId,
  genesis: operationId,
  /** The one that the row gets: one more than it has. */
  version: int(1, 1_000_000),
  changes: DirectoryChanges,
  charter: charterDocument.optional(),
  /** Further controllers, statement `directory`. */
  statements: z.array(signedBy).max(controllersMax),
})
export type CoopDirectoryUpdate = z.output<typeof CoopDirectoryUpdate>

export const CoopRelease = z.strictObject({ coop_id: coopId })
export type CoopRelease = z.output<typeof CoopRelease>

export const CommonsSweep = z.strictObject({
  items: z
    .array(z.strictObject({ kind: z.enum(['reservation']), ref: z.string().max(128) }))
    .min(1)
    .max(100),
})
export type CommonsSweep = z.output<typeof CommonsSweep>

/** What a known node signs for a stranger, as statement `via`. */
export const viaStatementPayload = (parts: { network: string; did: string; kind: string; expires_at: number }): Record<string, unknown> => ({
  network: parts.network,
  did: parts.did,
  kind: parts.kind,
  expires_at: parts.expires_at,
})

/** What a controller signs for a change of the directory, as statement `directory`. `digest`: SHA-256 of the changes. */
export const directoryStatementPayload = (parts: { network: string; coop_id: string; genesis: string; version: number; changes: DirectoryChanges }): Record<string, unknown> => ({
  network: parts.network,
  coop_id: parts.coop_id,
  genesis: parts.genesis,
  version: parts.version,
  digest: sha256(encodeCanonical(parts.changes)),
})

export const commonsBodies = {
  'commons.found': CommonsFound,
  'commons.keeper.add': KeeperAdd,
  'commons.keeper.remove': KeeperRemove,
  'commons.keeper.leave': NoBody,
  'commons.coop.reserve': CoopReserve,
  'commons.coop.register': CoopRegister,
  'commons.coop.update': CoopDirectoryUpdate,
  'commons.coop.release': CoopRelease,
  'commons.sweep': CommonsSweep,
} as const satisfies Record<string, z.ZodType>
