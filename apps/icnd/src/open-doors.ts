import { readFileSync, statSync } from 'node:fs'
import { type OpenDoor, openGateway, openMetricsServer, openRpc } from '@icn/gateway'
import type { Supervisor } from '@icn/node'
import type { NodeParts } from './compose.ts'
import { parseAddress } from './config/load.ts'
import type { DoorParts } from './doors.ts'
import { restoreLine } from './keeping.ts'
import { asPortRefused } from './ports.ts'

export interface Addresses {
  readonly gateway?: string
  readonly rpc?: string
  readonly metrics?: string
}

/** Opens what is to be opened first, then listens: nothing is visible before everything is there. */
export async function openDoors({ config, log }: NodeParts, supervisor: Supervisor, doors: DoorParts): Promise<Addresses> {
  const parts = doors.gatewayParts()
  const addresses: { -readonly [K in keyof Addresses]: Addresses[K] } = {}
  const door = async (name: 'metrics' | 'rpc' | 'gateway', open: () => Promise<OpenDoor>): Promise<void> => {
    await supervisor.spawn({
      name,
      async start() {
        const opened = await open().catch((error: unknown) => {
          throw asPortRefused(`${name}.listen`, config[`${name}.listen`], error)
        })
        addresses[name] = opened.address
        doors.answering.set(name, opened.address)
        log.info('listening', `${name} listens`, { name, address: opened.address })
        return { handle: opened, stop: () => opened.close() }
      },
    })
  }
  if (config['metrics.enabled']) {
    const { host, port } = parseAddress(config['metrics.listen']) as { host: string; port: number }
    const token = config['metrics.token_file'] === null ? null : readSecret(config['metrics.token_file'])
    await door('metrics', () =>
      openMetricsServer({
        metrics: parts.metrics,
        host,
        port,
        hosts: config['gateway.hosts'],
        token,
        refresh: () => doors.measure(),
        notReady: () => parts.notReady(),
        details: () => [restoreLine(doors.inside.proofs)],
        internal: parts.internal,
      }).listen(),
    )
  }
  if (config['rpc.enabled']) {
    const { host, port } = parseAddress(config['rpc.listen']) as { host: string; port: number }
    await door('rpc', () => openRpc({ ...parts, options: { ...parts.options, host, port } }).listen())
  }
  if (config['gateway.enabled']) {
    await door('gateway', async () => {
      const gateway = await openGateway(parts)
      doors.subscribers = gateway.subscribers
      return gateway.listen()
    })
  }
  return addresses
}

/** One line of a file that only this user may read. */
function readSecret(file: string): string {
  const { mode, uid } = statSync(file)
  if ((mode & 0o077) !== 0 || uid !== (process.getuid?.() ?? uid)) throw new Error(`${file} must be this user’s alone: chmod 600 ${file}`)
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
}

/** Asks the node's own doors, as a member would: proof that they answer, not that they were opened. */
export async function selfCalls(doors: DoorParts): Promise<readonly { readonly name: string; readonly failed: string | undefined }[]> {
  const asks: Readonly<Record<string, (address: string) => Promise<Response>>> = {
    metrics: (address) => fetch(`${address}/healthz`),
    rpc: (address) => fetch(`${address}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"jsonrpc":"2.0","id":1,"method":"node.about"}' }),
    gateway: (address) => fetch(`${address}/v1/about`),
  }
  const results: { name: string; failed: string | undefined }[] = []
  for (const [name, address] of doors.answering) {
    try {
      const response = await (asks[name] as (address: string) => Promise<Response>)(address)
      await response.text()
      results.push({ name, failed: response.ok ? undefined : `answers ${response.status}` })
    } catch {
      results.push({ name, failed: `does not answer at ${address}` })
    }
  }
  return results
}
