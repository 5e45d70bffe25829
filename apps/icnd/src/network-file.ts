import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCid, type OperationId } from '@icn/protocol'
import { z } from 'zod'

/** `<data_dir>/network.json`: which network this node belongs to. Not secret; made for whoever joins (identity page §2). */
const NetworkFile = z.strictObject({
  network_id: z.string().refine(isCid, { message: 'not the id of a first operation' }),
  bootstrap: z.array(z.string().max(200)).max(100).default([]),
  keepers: z.array(z.string()).max(31).default([]),
})

export interface NetworkOfFile {
  readonly network: OperationId
  /** Multiaddrs of nodes that everybody may ask first. */
  readonly bootstrap: readonly string[]
}

/** A file that says something else than it should; the node does not start with it. */
export class NetworkFileRefused extends Error {
  override readonly name = 'NetworkFileRefused'
}

/** Undefined where there is none: such a node founds a network of its own at its first start (ruling 1). */
export function readNetworkFile(folder: string): NetworkOfFile | undefined {
  const file = join(folder, 'network.json')
  if (!existsSync(file)) return undefined
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new NetworkFileRefused(`${file} is not JSON`, { cause })
  }
  const read = NetworkFile.safeParse(content)
  if (!read.success) throw new NetworkFileRefused(`${file}: ${read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')}`)
  return { network: read.data.network_id as OperationId, bootstrap: read.data.bootstrap }
}
