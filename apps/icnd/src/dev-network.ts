import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openSqliteStore } from '@icn/journal'
import { newKeyFile, Secret, sealKeyFile } from '@icn/protocol'
import { nodeKeyFileCrypto, signingKeyFromSeed, writeKeyFile } from '@icn/protocol/node'
import { openNode } from './compose.ts'
import { loadConfig } from './config/load.ts'
import { type DevWorld, writeHistory } from './dev/history.ts'
import { devPassphrase, writeKeys } from './dev/people.ts'
import { openLog } from './log.ts'

/** The development network (surfaces page §3): one node for now, with people, half a year of a food coop, and some trouble to look at. */

const root = process.env['ICN_ROOT'] ?? join(import.meta.dirname, '../../..')
const gatewayAddress = '127.0.0.1:8080'

/** `--keep DIR` keeps the data where it is told; otherwise each start begins anew in the checkout's cache. */
function dataFolder(args: readonly string[]): { readonly folder: string; readonly isKept: boolean } {
  const at = args.indexOf('--keep')
  if (at >= 0 && args[at + 1] !== undefined) return { folder: resolve(args[at + 1] as string), isKept: true }
  return { folder: join(root, '.cache', 'dev'), isKept: false }
}

async function makeWorld(folder: string): Promise<{ readonly world: DevWorld; readonly seed: Uint8Array; readonly seal: Uint8Array; readonly session: Uint8Array }> {
  const now = Date.now()
  const fresh = (): Uint8Array => new Uint8Array(randomBytes(32))
  const [seed, seal, session] = [fresh(), fresh(), fresh()]
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const world = await writeHistory(openSqliteStore({ folder: join(folder, 'store') }), seed, now, `http://${gatewayAddress}`)
  const file = newKeyFile('node', new Secret(Uint8Array.from(seed)), now, {
    more: [
      { use: 'session', seed: new Secret(Uint8Array.from(session)), created_at: now },
      { use: 'seal', seed: new Secret(Uint8Array.from(seal)), created_at: now },
    ],
  })
  await writeKeyFile(join(folder, 'identity.key'), await sealKeyFile(file, Secret.ofText(devPassphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 }), 'create')
  await writeKeys(folder, ['Ana', 'Ben', 'Chen', 'Dora', 'Eli'], now)
  writeFileSync(join(folder, 'passphrase'), `${devPassphrase}\n`, { mode: 0o600 })
  return { world, seed, seal, session }
}

function tell(folder: string, world: DevWorld, addresses: { readonly gateway?: string; readonly rpc?: string; readonly metrics?: string }, token: string): void {
  const { people } = world
  process.stdout.write(`
The development network is ready.

  gateway   ${addresses.gateway}      REST /v1, events /v1/events
  JSON-RPC  ${addresses.rpc}/rpc  operator token ${token.slice(0, 6)}… in ${join(folder, 'operator.token')}
  metrics   ${addresses.metrics}/metrics
  data      ${folder}

People, all with the passphrase “${devPassphrase}”:
  ana   steward of food            ${people.ana.did}
  ben   steward, lost a phone      ${people.ben.did}
  chen  treasurer                  ${people.chen.did}
  dora  member                     ${people.dora.did}
  eli   nobody yet, invited: ${world.inviteLink}

Try, in another terminal:
  ./icn ctl coop list-members food --as ana
  ./icn ctl quarantine list -c food --as ana
  ./icn ctl doctor

Ctrl-C stops it.
`)
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args[0] !== undefined && !args[0].startsWith('--')) {
    process.stderr.write(`./icn dev has no control “${args[0]}” yet: one node runs, and its clock is the machine’s.\n`)
    return 2
  }
  const { folder, isKept } = dataFolder(args)
  if (!isKept) rmSync(folder, { recursive: true, force: true })
  const { world, seed, seal, session } = await makeWorld(folder)
  const loaded = loadConfig({
    flags: new Map([
      ['data_dir', folder],
      ['gateway.listen', gatewayAddress],
      ['gateway.found_by', 'anyone'],
      ['node.name', 'Elm'],
      ['log.level', 'warn'],
      ['log.format', 'pretty'],
    ]),
    environment: {},
  })
  let end: () => void = () => {}
  const ended = new Promise<void>((finish) => {
    end = finish
  })
  const log = openLog({ level: 'warn', format: 'pretty', identities: true })
  const node = await openNode({
    config: loaded.config,
    origins: loaded.origins,
    log,
    keys: { key: signingKeyFromSeed(seed), seed, sealSeed: seal, sessionSeed: session, isNew: false },
    ephemeral: false,
    onFatal: end,
    checkAnswers: true,
  })
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  tell(folder, world, node.addresses, node.operatorToken)
  await ended
  process.stdout.write('Stopping …\n')
  const late = await node.stop()
  process.off('SIGINT', end)
  process.off('SIGTERM', end)
  if (!isKept) rmSync(folder, { recursive: true, force: true })
  process.stdout.write(late.length === 0 ? 'Stopped.\n' : `Stopped, but late: ${late.join(', ')}\n`)
  return late.length === 0 ? 0 : 1
}

process.exitCode = await main()
