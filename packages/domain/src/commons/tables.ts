import type { Did, Table } from '@icn/protocol'
import { bytes, charterDocument, charterHash, controllersMax, coopType, did, directoryStatuses, int, ListedHost, operationId, part, table, timeMs, viaPerDay } from '@icn/protocol'
import { z } from 'zod'

/** Rows of `commons` (commons page §3). */

const NetworkRow = z.strictObject({ network_id: operationId, name: z.string(), founded_at: timeMs, founded_by: did })
export const network = table('commons.network', [], NetworkRow)

const KeeperRow = z.strictObject({
  /** Empty for those of the founding, who were named by their DIDs alone. */
  label: z.string(),
  addresses: z.array(z.string()),
  since_at: timeMs,
  ended_at: timeMs.optional(),
})
export type KeeperRow = Readonly<z.output<typeof KeeperRow>>
/** Nodes whose majority makes the commons final. */
export const keepers = table('commons.keepers', [part.text<Did>()], KeeperRow)

const StewardRow = z.strictObject({ since_at: timeMs })
/** People who were named when the network was founded. */
export const stewards = table('commons.stewards', [part.text<Did>()], StewardRow)

/** What the controllers of a coop say of it in public: a claim of theirs, not the coop's state. */
const DirectoryRow = z.strictObject({
  genesis: operationId,
  name: z.string(),
  type: coopType,
  status: z.enum(directoryStatuses),
  charter_hash: charterHash.optional(),
  charter_version: int(1, 100_000).optional(),
  controllers: z.array(did),
  threshold: int(0, controllersMax),
  hosts: z.array(ListedHost),
  description: z.string().optional(),
  website: z.string().optional(),
  /** Rises by one with each change; 0 while it is only reserved. */
  version: int(0, 1_000_000),
  reserved_by: did,
  reserved_at: timeMs,
  /** Of a reservation: when the id is free again. */
  expires_at: timeMs.optional(),
  registered_at: timeMs.optional(),
  updated_at: timeMs,
})
export type DirectoryRow = Readonly<z.output<typeof DirectoryRow>>
/** Key: coop id. */
export const directory = table('commons.directory', [part.text()], DirectoryRow)

const PublishedRow = z.strictObject({
  hash: charterHash,
  charter: charterDocument.optional(),
  signatures: z.array(z.strictObject({ did, key: did, signature: bytes(64) })),
  at: timeMs,
})
/** Key: coop id, version of the row that published it. */
export const publishedCharters = table('commons.charters', [part.text(), part.int()], PublishedRow)

const nothing = z.strictObject({})
/** Reservations that stand, by who made them. */
export const reservations = table('commons.reservations', [part.text<Did>(), part.text()], nothing)
/** Coops by who may change their row. */
export const controlled = table('commons.controlled', [part.text<Did>(), part.text()], nothing)
/** Active coops by the nodes they name as hosts. */
export const hosted = table('commons.hosted', [part.text<Did>(), part.text()], nothing)

const ViaRow = z.strictObject({ day: int(0, 1_000_000), used: int(0, viaPerDay) })
/** People whom a node has introduced on the last day on which it did. */
export const introductions = table('commons.via', [part.text<Did>()], ViaRow)

export const commonsTables: readonly Table<any, any>[] = [network, keepers, stewards, directory, publishedCharters, reservations, controlled, hosted, introductions]
