import { randomUUID } from 'node:crypto'
import { problemOf, refuse } from '@icn/node'
import { pickLanguage } from '@icn/protocol'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { bodyTimeoutMs, type GatewayOptions, headerBytesMax, headersTimeoutMs, idleTimeoutMs, stalledTimeoutMs, urlBytesMax } from '../options.ts'
import { clientAddress, trustedList } from './address.ts'
import { sendProblem } from './problem.ts'

/** What every door of this node has in common over HTTP (doors page §6). */
export interface ServerParts {
  readonly options: Pick<GatewayOptions, 'host' | 'port' | 'publicOrigin' | 'hosts' | 'corsOrigins' | 'trustedProxies' | 'tls' | 'bodyBytesMax'>
  /** Something that nobody expected; logged and counted under the request's id. */
  internal(error: unknown, requestId: string): void
}

const securityHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'accelerometer=(), camera=(self), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()',
  'X-Frame-Options': 'DENY',
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is calling, past proxies that are trusted. */
    address: string
    lang: string
  }
}

export function openServer(parts: ServerParts): FastifyInstance {
  const { options } = parts
  const proxies = trustedList(options.trustedProxies)
  const common = {
    logger: false,
    genReqId: () => randomUUID().replaceAll('-', ''),
    requestIdHeader: false as const,
    bodyLimit: options.bodyBytesMax,
    requestTimeout: bodyTimeoutMs,
    keepAliveTimeout: idleTimeoutMs,
    connectionTimeout: stalledTimeoutMs,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      hygiene(request, reply, parts, proxies)
      sendProblem(reply, problemOf(refuse('ROUTE_UNKNOWN', { path: 'that' }), request.lang, request.id))
      void error
    },
    clientErrorHandler: onClientError,
  }
  const http = { maxHeaderSize: headerBytesMax }
  const app: FastifyInstance = options.tls === null ? fastify({ ...common, http }) : (fastify({ ...common, https: { ...http, ...options.tls } }) as unknown as FastifyInstance)
  app.server.headersTimeout = headersTimeoutMs
  app.decorateRequest('address', '')
  app.decorateRequest('lang', 'en')
  app.removeAllContentTypeParsers()

  app.addHook('onRequest', async (request, reply) => {
    hygiene(request, reply, parts, proxies)
    if (request.raw.url !== undefined && request.raw.url.length > urlBytesMax) throw refuse('URL_TOO_LONG', { limit: urlBytesMax })
    if (!hostAllowed(request.headers.host, options)) throw refuse('HOST_NOT_ALLOWED')
    const origin = request.headers.origin
    if (origin !== undefined && request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'OPTIONS' && !originAllowed(origin, request.headers.host, options))
      throw refuse('ORIGIN_NOT_ALLOWED')
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') throw refuse('CONTENT_TYPE_UNSUPPORTED', { expected: 'application/json' })
  })
  app.setErrorHandler((error, request, reply) => {
    const known = frameworkRefusal(error, options.bodyBytesMax)
    const problem = problemOf(known ?? error, request.lang, request.id)
    if (problem.code === 'INTERNAL') parts.internal(error, request.id)
    return sendProblem(reply, problem)
  })
  return app
}

function hygiene(request: FastifyRequest, reply: FastifyReply, parts: ServerParts, proxies: ReturnType<typeof trustedList>): void {
  const { options } = parts
  request.address = clientAddress(request.socket?.remoteAddress ?? '0.0.0.0', request.headers, proxies)
  request.lang = pickLanguage(request.headers['accept-language'])
  // A refused upgrade: its socket left the server's care when the upgrade was asked for, and nobody else would end it.
  if (request.headers.upgrade !== undefined) reply.raw.once('finish', () => request.raw.socket.destroySoon())
  reply.headers(securityHeaders).header('Request-Id', request.id).header('Content-Language', request.lang)
  if (options.tls !== null) reply.header('Strict-Transport-Security', 'max-age=31536000')
  const trace = request.headers.traceparent
  if (typeof trace === 'string' && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(trace)) reply.header('traceparent', trace)
  cors(request, reply, options)
}

/** Closed unless an origin is listed by name. */
function cors(request: FastifyRequest, reply: FastifyReply, options: ServerParts['options']): void {
  if (options.corsOrigins.length === 0) return
  reply.header('Vary', 'Origin')
  const { origin } = request.headers
  if (origin === undefined || !options.corsOrigins.includes(origin)) return
  reply.header('Access-Control-Allow-Origin', origin)
  reply.header('Access-Control-Expose-Headers', 'ETag, Location, Request-Id, Retry-After, RateLimit, RateLimit-Policy, ICN-As-Of, ICN-Checkpoint, ICN-Sync, Idempotency-Replayed')
  reply.header('Cross-Origin-Resource-Policy', 'cross-origin')
  if (request.method === 'OPTIONS')
    reply
      .header('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, DELETE')
      .header('Access-Control-Allow-Headers', 'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, ICN-If-Unchanged, Accept-Language')
      .header('Access-Control-Max-Age', '600')
}

/** Names under which this node answers; anything else may be another site's name pointed here. */
export function hostAllowed(host: string | undefined, options: Pick<GatewayOptions, 'host' | 'publicOrigin' | 'hosts'>): boolean {
  if (host === undefined) return false
  const name = (/^\[[^\]]+\]/.exec(host)?.[0] ?? host.split(':')[0] ?? '').toLowerCase()
  const own = new URL(options.publicOrigin).hostname.toLowerCase()
  const listen = options.host.includes(':') ? `[${options.host}]` : options.host.toLowerCase()
  return ['localhost', '127.0.0.1', '[::1]', own, listen, ...options.hosts.map((each) => each.toLowerCase())].includes(name)
}

export function originAllowed(origin: string, host: string | undefined, options: Pick<GatewayOptions, 'publicOrigin' | 'corsOrigins'>): boolean {
  if (origin === options.publicOrigin || options.corsOrigins.includes(origin)) return true
  try {
    return new URL(origin).host === host
  } catch {
    return false
  }
}

/** What the framework itself refuses, in our words. */
function frameworkRefusal(error: unknown, bodyBytesMax: number) {
  switch ((error as { readonly code?: string }).code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('BODY_TOO_LARGE', { limit: bodyBytesMax })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('CONTENT_TYPE_UNSUPPORTED', { expected: 'application/json' })
    case 'ECONNRESET':
      return refuse('BODY_NOT_JSON', { reason: 'it stops half way' })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return refuse('BODY_NOT_JSON', { reason: 'its length is not the one announced' })
    default:
      return undefined
  }
}

/** Bytes that are not HTTP never reach a route. */
function onClientError(error: Error & { code?: string }, socket: import('node:net').Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'TIMEOUT' : 'BODY_NOT_JSON'
  const problem = problemOf(refuse(code, { limit: headerBytesMax, reason: 'not HTTP' }), 'en', 'none')
  const status = code === 'TIMEOUT' ? 408 : problem.status
  const body = JSON.stringify({ ...problem, status })
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/problem+json\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
