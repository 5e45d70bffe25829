import { openNode, type RunningNode } from '../compose.ts'
import { loadConfig } from '../config/load.ts'
import { Faults } from '../faults.ts'
import { openLog } from '../log.ts'
import { openNodeKeys } from '../node-key.ts'
import type { NodeAnswer, NodeOrder, NodePlan } from './orders.ts'

/** One node of the development network, in a process of its own: what the network does to it comes over the channel to its parent. */

const plan = JSON.parse(process.argv[2] as string) as NodePlan
const tell = (answer: NodeAnswer): void => {
  process.send?.(answer)
}

let offsetMs = plan.offsetMs
const faults = new Faults()
faults.delayMs = plan.delayMs
faults.isDiskFull = plan.isDiskFull

async function open(): Promise<RunningNode> {
  const loaded = loadConfig({ flags: new Map(Object.entries(plan.flags)), environment: {} })
  if (loaded.faults.length > 0) throw new Error(loaded.faults.map(({ where, text }) => `${where}: ${text}`).join('; '))
  const { config } = loaded
  return openNode({
    config,
    origins: loaded.origins,
    log: openLog({ level: config['log.level'], format: 'json', identities: true }),
    keys: await openNodeKeys(config.data_dir, { environment: { ICN_PASSPHRASE_FILE: plan.passphraseFile }, warn: () => {} }, Date.now()),
    ephemeral: false,
    wall: () => Date.now() + offsetMs,
    faults,
    onFatal: (why) => {
      tell({ fatal: why })
      process.exit(1)
    },
    checkAnswers: true,
  })
}

async function main(): Promise<void> {
  faults.block(plan.blocked)
  const node = await open()
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= node.stop().then((late) => {
      tell({ stopped: [...late] })
      process.exit(late.length === 0 ? 0 : 1)
    })
    return stopping
  }
  process.on('message', (order: NodeOrder) => {
    switch (order.do) {
      case 'clock':
        offsetMs = order.offsetMs
        break
      case 'block':
        faults.block(order.peers)
        break
      case 'slow':
        faults.delayMs = order.delayMs
        break
      case 'disk':
        faults.isDiskFull = order.isFull
        break
      case 'stop':
        void stop()
        break
    }
    if (order.do !== 'stop') tell({ done: order.number })
  })
  // Whoever started it is gone.
  process.on('disconnect', () => void stop())
  // A signal at the terminal goes to everybody; the parent says when to stop.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => void stop())
  tell({ ready: { did: node.did, gateway: node.addresses.gateway ?? '', rpc: node.addresses.rpc ?? '', metrics: node.addresses.metrics ?? '', token: node.operatorToken } })
}

await main()
