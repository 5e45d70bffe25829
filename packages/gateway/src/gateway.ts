import type { AddressInfo } from 'node:net'
import compress from '@fastify/compress'
import websocket from '@fastify/websocket'
import type { Calls, EventFeed, Metrics } from '@icn/node'
import { problemOf, refuse } from '@icn/node'
import type { FastifyInstance } from 'fastify'
import type { Tokens } from './auth/tokens.ts'
import type { Sessions } from './auth/sessions.ts'
import { codePages, documentRoutes } from './documents/routes.ts'
import { EventHub } from './events/hub.ts'
import { eventRoutes } from './events/routes.ts'
import { isLoopback } from './http/address.ts'
import { askerOf, type CallerParts } from './http/caller.ts'
import { Limits } from './http/limits.ts'
import { sendProblem } from './http/problem.ts'
import { openServer } from './http/server.ts'
import type { GatewayOptions } from './options.ts'
import { allowedMethods, restRoutes } from './rest/routes.ts'
import { rpcRoute } from './rpc/route.ts'

export interface GatewayParts extends CallerParts {
  readonly calls: Calls
  readonly feed: EventFeed
  readonly journal: ConstructorParameters<typeof EventHub>[0]['journal']
  readonly tokens: Tokens
  readonly sessions: Sessions
  readonly metrics: Metrics
  readonly options: GatewayOptions
  readonly version: string
  /** Monotonic clock [ms]. */
  monotonic(): number
  now(): number
  /** Names of failing checks; empty: ready. */
  notReady(): readonly string[]
  internal(error: unknown, requestId: string): void
  fault(doing: string, error: unknown): void
}

/** An open door: where it listens, and how it is shut. */
export interface OpenDoor {
  readonly app: FastifyInstance
  readonly address: string
  /** Says goodbye to event readers, lets running calls end, closes. */
  close(): Promise<void>
}

/** REST, events, documents and health for members, SDK and browser. Nothing listens until `listen`. */
export async function openGateway(parts: GatewayParts): Promise<{ readonly app: FastifyInstance; readonly subscribers: () => number; listen(): Promise<OpenDoor> }> {
  const { options } = parts
  const app = openServer({ options, internal: (error, id) => parts.internal(error, id) })
  const limits = new Limits({
    now: () => parts.monotonic(),
    ratePermille: options.ratePermille,
    onLimited: (cost) => parts.metrics.add('icn_gateway_rate_limited_total', 1, { class: cost }),
  })
  const holds = (sid: string): boolean => {
    const row = parts.sessions.find(sid)
    return row !== undefined && parts.endOf(row) === undefined
  }
  const hub = new EventHub({ ...parts, holds })
  await app.register(compress, { global: true, threshold: 1_024, encodings: ['zstd', 'br', 'gzip'], globalDecompression: false } as never)
  await app.register(websocket, {
    options: { maxPayload: 65_536, handleProtocols: (protocols: Set<string>) => (protocols.has('icn.events.v1') ? 'icn.events.v1' : false) },
    preClose: (done: () => void) => {
      closeSockets(app)
      done()
    },
  })
  const operatorHere = (address: string): boolean => options.operatorAccess === 'always' || (options.operatorAccess === 'loopback' && isLoopback(address))
  const ask = (headers: Readonly<Record<string, unknown>>, address: string, lang: string) =>
    askerOf(parts, {
      ...(typeof headers.authorization === 'string' ? { authorization: headers.authorization } : {}),
      ...(typeof headers['icn-operator'] === 'string' ? { operator: headers['icn-operator'] } : {}),
      lang,
      operatorHere: operatorHere(address),
    })
  restRoutes(app, { ...parts, limits, asker: ask, door: 'gateway' })
  eventRoutes(app, { hub, parts, limits, asker: ask, operatorHere })
  documentRoutes(app, { version: parts.version, origin: options.publicOrigin, tokens: parts.tokens })
  codePages(app)
  healthRoutes(app, () => parts.notReady().length === 0)
  if (options.rpc) rpcRoute(app, '/v1/rpc', { ...parts, limits, asker: ask, operatorRows: false, batchMax: options.batchMax })
  unknownRoutes(app)
  return {
    app,
    subscribers: () => hub.size,
    async listen() {
      try {
        await app.listen({ host: options.host, port: options.port })
      } catch (error) {
        // Nobody holds a door that never opened.
        hub.close('stopping')
        await app.close()
        throw error
      }
      const { address, port, family } = app.server.address() as AddressInfo
      const scheme = options.tls === null ? 'http' : 'https'
      return {
        app,
        address: `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
        async close() {
          hub.close('stopping')
          await app.close()
        },
      }
    },
  }
}

/** Larger: a stop waits for readers that have gone away; smaller: an honest one does not hear the end. */
const goodbyeMs = 1_000

/** Ends every socket; one whose reader does not answer is cut, so that a stop never waits for somebody else. */
function closeSockets(app: FastifyInstance): void {
  const { clients } = app.websocketServer
  app.server.removeAllListeners('upgrade')
  for (const client of clients) client.close(1001, 'stopping')
  setTimeout(() => {
    for (const client of clients) client.terminate()
  }, goodbyeMs).unref()
  app.websocketServer.close()
}

/** A path that is no row: 405 where another method is, else 404 with the nearest one. */
function unknownRoutes(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const path = (request.raw.url ?? '/').split('?')[0] ?? '/'
    const { allowed, nearest } = allowedMethods(path)
    if (allowed.length > 0 && request.method === 'OPTIONS')
      return reply
        .status(204)
        .header('Allow', [...allowed, 'OPTIONS'].join(', '))
        .send()
    if (allowed.length > 0)
      return sendProblem(reply, problemOf(refuse('HTTP_METHOD_NOT_ALLOWED', { allowed }), request.lang, request.id), { Allow: [...allowed, 'OPTIONS'].join(', ') })
    return sendProblem(reply, problemOf(refuse('ROUTE_UNKNOWN', { path: path.slice(0, 200), ...(nearest === undefined ? {} : { nearest }) }), request.lang, request.id))
  })
}

/** Health without details: 200 while the event loop turns; 503 while something is missing. */
function healthRoutes(app: FastifyInstance, ready: () => boolean): void {
  app.get('/healthz', async (_, reply) => reply.header('Cache-Control', 'no-store').type('text/plain').send('ok\n'))
  app.get('/readyz', async (_, reply) => {
    const good = ready()
    return reply
      .status(good ? 200 : 503)
      .header('Cache-Control', 'no-store')
      .type('text/plain')
      .send(good ? 'ready\n' : 'not ready\n')
  })
}
