import { randomBytes } from 'node:crypto'
import type { JournalApi } from '@icn/journal'
import { commonsSpace } from '@icn/protocol'
import type { NodeParts } from './compose.ts'
import type { NetworkOfFile } from './network-file.ts'

/** A node without a network founds its own (ruling 1). One that was given another's file waits for that network's first operation. */
export async function foundNetwork({ log, config, stewards = [] }: NodeParts, journal: JournalApi, joined: NetworkOfFile | undefined): Promise<void> {
  if (journal.info(commonsSpace) !== undefined || joined !== undefined) return
  const result = await journal.propose({
    space: commonsSpace,
    kind: 'commons.found',
    author: journal.node,
    grant: null,
    body: { name: config['node.name'].slice(0, 64), keepers: [journal.node], stewards, nonce: new Uint8Array(randomBytes(16)) },
  })
  if (result.outcome !== 'applied') throw new Error('the network of this node could not be founded')
  log.info('network_founded', 'founded a network of its own', { space: commonsSpace })
}
