import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { controlPort, controls, controlsText, giveOrder, openControl } from './dev/control.ts'
import { DevNetwork } from './dev/network.ts'
import { devPassphrase } from './dev/people.ts'

/** `./icn dev`: the development network (surfaces page §3), or an order to the one that runs. */

const root = process.env['ICN_ROOT'] ?? join(import.meta.dirname, '../../..')

/** `--keep DIR` leaves the data where it is told; otherwise it goes when the network stops. */
function dataFolder(args: readonly string[]): { readonly folder: string; readonly isKept: boolean } {
  const at = args.indexOf('--keep')
  if (at >= 0 && args[at + 1] !== undefined) return { folder: resolve(args[at + 1] as string), isKept: true }
  return { folder: join(root, '.cache', 'dev'), isKept: false }
}

function tell(network: DevNetwork): void {
  const { people, inviteLink } = network.world
  const nodes = network.nodes
    .map(
      ({ node, name, gateway, rpc, metrics, folder, log }) => `  ${node}  ${name.padEnd(4)} ${gateway}   REST /v1, events /v1/events
          ${rpc}/rpc   JSON-RPC; operator token in ${join(folder, 'operator.token')}
          ${metrics}/metrics
          log ${log}`,
    )
    .join('\n')
  process.stdout.write(`
The development network is ready: three nodes, food at 0 and 1, housing at 1 and 2.

${nodes}

People, all with the passphrase “${devPassphrase}”:
  ana   steward of food and of housing   ${people.ana.did}
  ben   steward of food, lost a phone    ${people.ben.did}
  chen  treasurer of food                ${people.chen.did}
  dora  steward of housing               ${people.dora.did}
  eli   nobody yet, invited to food: ${inviteLink}

Try, in another terminal (ICN_DEV_NODE=1 before it asks node 1):
  ./icn ctl coop list-members food --as ana
  ./icn ctl quarantine list -c food --as ana
  ./icn ctl doctor

Do something to it, there or at http://127.0.0.1:${controlPort}/dev:
${controlsText()}
Ctrl-C stops it.
`)
}

async function run(args: readonly string[]): Promise<number> {
  const { folder, isKept } = dataFolder(args)
  const network = new DevNetwork({ root: folder, told: (text) => void process.stdout.write(`${text}\n`) })
  // Before anything is touched: a second network would take the first one's data away.
  const control = await openControl(network).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    process.stderr.write(`Port ${controlPort} is taken: a development network runs already. ./icn dev status shows it; Ctrl-C where it runs stops it.\n`)
  })
  if (control === undefined) return 2
  const ended = new Promise<void>((end) => {
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
  })
  try {
    await network.open()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    await network.stop()
    control.close()
    return 1
  }
  tell(network)
  await ended
  process.stdout.write('Stopping …\n')
  control.close()
  control.closeAllConnections()
  await network.stop()
  if (!isKept) rmSync(folder, { recursive: true, force: true })
  process.stdout.write('Stopped.\n')
  return 0
}

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2)
  if (name === undefined || name.startsWith('--')) return run(process.argv.slice(2))
  if (!Object.hasOwn(controls, name)) {
    process.stderr.write(`./icn dev has no control “${name}”. There are:\n${controlsText()}`)
    return 2
  }
  const { done, text } = await giveOrder(name, args)
  ;(done ? process.stdout : process.stderr).write(`${text}\n`)
  return done ? 0 : 2
}

process.exitCode = await main()
