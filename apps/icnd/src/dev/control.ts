import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type DevNetwork, OrderRefused } from './network.ts'
import { page } from './page.ts'

/** The door through which the development network is told what to do: JSON-RPC at /rpc, buttons at /dev. Only on loopback, only for this machine's own pages. */

export const controlPort = 5_600
const bodyBytesMax = 4_096

interface Control {
  readonly says: string
  readonly args: string
  run(network: DevNetwork, args: readonly string[]): Promise<void>
}

/** Every control by its name at the command line; over RPC with `dev.` before it. */
export const controls: Readonly<Record<string, Control>> = {
  clock: { args: '+1mo|+3d|-2h|real', says: 'moves every node’s clock, or puts it back', run: (network, [step = '']) => network.clock(step) },
  partition: { args: '0|1,2', says: 'groups of nodes that lose each other', run: (network, [groups = '']) => network.partition(groups) },
  heal: { args: '', says: 'all reach each other again', run: (network) => network.heal() },
  slow: { args: '2 300ms', says: 'what a node sends leaves later; 0 ends it', run: (network, [node = '', by = '']) => network.slow(node, by) },
  kill: { args: '1', says: 'ends a node without a word, as in a power cut', run: (network, [node = '']) => network.kill(node) },
  start: { args: '1', says: 'starts it again', run: (network, [node = '']) => network.start(node) },
  'disk-full': { args: '2 [off]', says: 'a node’s disk is full, or no longer', run: (network, [node = '', off]) => network.diskFull(node, off !== 'off') },
  reset: { args: '', says: 'everything as at the first start', run: (network) => network.reset() },
  status: { args: '', says: 'the nodes, and the time', run: async () => {} },
}

/** Controls as a table for people. */
export const controlsText = (): string =>
  Object.entries(controls)
    .map(([name, { args, says }]) => `  ./icn dev ${`${name} ${args}`.padEnd(28)} ${says}\n`)
    .join('')

export async function openControl(network: DevNetwork, port = controlPort): Promise<Server> {
  let before: Promise<unknown> = Promise.resolve()
  /** One after the other: a node that starts is not killed before it has started. */
  const inTurn = (run: () => Promise<void>): Promise<void> => {
    const done = before.then(run, run)
    before = done.catch(() => {})
    return done
  }
  const server = createServer((request, response) => {
    void answer(request, response, network, inTurn).catch((error: unknown) => send(response, 500, 'text/plain', String(error)))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

async function answer(request: IncomingMessage, response: ServerResponse, network: DevNetwork, inTurn: (run: () => Promise<void>) => Promise<void>): Promise<void> {
  const own = `127.0.0.1:${request.socket.localPort}`
  // A page from elsewhere must not be able to give orders here, under whatever name it reaches this port.
  const { host, origin } = request.headers
  if (host !== own || (origin !== undefined && origin !== `http://${own}`)) return send(response, 403, 'text/plain', 'only for this machine')
  if (request.method === 'GET' && (request.url === '/dev' || request.url === '/')) return send(response, 200, 'text/html; charset=utf-8', page(network, controls))
  if (request.method !== 'POST' || request.url !== '/rpc') return send(response, 404, 'text/plain', 'there are /dev and /rpc')
  if (request.headers['content-type'] !== 'application/json') return send(response, 415, 'text/plain', 'application/json, please')
  const asked = await readOrder(request)
  if (asked === undefined) return send(response, 400, 'application/json', rpcError(null, -32600, 'not a call'))
  const control = Object.hasOwn(controls, asked.name) ? controls[asked.name] : undefined
  if (control === undefined) return send(response, 200, 'application/json', rpcError(asked.id, -32601, `there is no control “${asked.name}”`))
  try {
    await inTurn(() => control.run(network, asked.args))
    send(response, 200, 'application/json', JSON.stringify({ jsonrpc: '2.0', id: asked.id, result: { now: network.now.toISOString(), nodes: network.nodes } }))
  } catch (error) {
    const isInput = error instanceof OrderRefused
    send(response, 200, 'application/json', rpcError(asked.id, isInput ? -32602 : -32000, error instanceof Error ? error.message : String(error)))
  }
}

const rpcError = (id: unknown, code: number, message: string): string => JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'self' 'unsafe-inline'",
  })
  response.end(body)
}

/** `{ method: "dev.clock", params: ["+1mo"] }`; undefined for anything else. */
async function readOrder(request: IncomingMessage): Promise<{ readonly id: unknown; readonly name: string; readonly args: readonly string[] } | undefined> {
  let text = ''
  for await (const part of request) {
    text += String(part)
    if (text.length > bodyBytesMax) return undefined
  }
  try {
    const { id, method, params = [] } = JSON.parse(text) as { id?: unknown; method?: unknown; params?: unknown }
    if (typeof method !== 'string' || !method.startsWith('dev.') || !Array.isArray(params) || !params.every((one) => typeof one === 'string')) return undefined
    return { id: id ?? null, name: method.slice('dev.'.length), args: params }
  } catch {
    return undefined
  }
}

/** Gives one order to the network that runs; its answer as text, and whether it was done. */
export async function giveOrder(name: string, args: readonly string[], port = controlPort): Promise<{ readonly done: boolean; readonly text: string }> {
  let answered: Response
  try {
    answered = await fetch(`http://127.0.0.1:${port}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: `dev.${name}`, params: args }),
    })
  } catch {
    return { done: false, text: 'The development network does not run; start it with ./icn dev.' }
  }
  const { result, error } = (await answered.json()) as { result?: { now: string; nodes: DevNetwork['nodes'] }; error?: { message: string } }
  if (result === undefined) return { done: false, text: error?.message ?? 'no answer' }
  const lines = result.nodes.map(
    ({ node, name: called, state, group, delay_ms, disk_full, gateway }) =>
      `  ${node}  ${called.padEnd(4)} ${state.padEnd(8)} group ${group}  ${delay_ms > 0 ? `slow by ${delay_ms} ms  ` : ''}${disk_full ? 'disk full  ' : ''}${gateway ?? ''}`,
  )
  return { done: true, text: `It is ${result.now}.\n${lines.join('\n')}` }
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port
