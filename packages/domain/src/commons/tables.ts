import type { Did, Table } from '@icn/protocol'
import { did, operationId, part, table, timeMs } from '@icn/protocol'
import { z } from 'zod'

/** Rows of `commons` (commons page §3), as far as its founding writes them. */

const NetworkRow = z.strictObject({ network_id: operationId, name: z.string(), founded_at: timeMs, founded_by: did })
export const network = table('commons.network', [], NetworkRow)

const KeeperRow = z.strictObject({ since_at: timeMs, ended_at: timeMs.optional() })
/** Nodes whose majority makes the commons final. */
export const keepers = table('commons.keepers', [part.text<Did>()], KeeperRow)

const StewardRow = z.strictObject({ since_at: timeMs })
/** People who were named when the network was founded. */
export const stewards = table('commons.stewards', [part.text<Did>()], StewardRow)

export const commonsTables: readonly Table<any, any>[] = [network, keepers, stewards]
