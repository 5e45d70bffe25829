import { Readable } from 'node:stream'
import type { AskOptions, Calls, Metrics, Reply } from '@icn/node'
import { nearest, problemOf, refusalOf, refuse } from '@icn/node'
import type { MethodName, Row } from '@icn/protocol'
import { codes, methodNames, restMethod, restPath, rowOf } from '@icn/protocol'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RateAnswer } from '../http/buckets.ts'
import { rateHeaders } from '../http/buckets.ts'
import type { Asker } from '../http/caller.ts'
import { parseJson, NotJson } from '../http/json.ts'
import type { Limits } from '../http/limits.ts'
import { sendProblem } from '../http/problem.ts'
import { originAllowed } from '../http/server.ts'
import type { GatewayOptions } from '../options.ts'
import { readRest } from './input.ts'

export interface RestParts {
  readonly calls: Calls
  readonly limits: Limits
  readonly metrics: Metrics
  readonly options: GatewayOptions
  readonly door: 'gateway'
  asker(headers: Readonly<Record<string, unknown>>, address: string, lang: string): Promise<Asker>
  monotonic(): number
  internal(error: unknown, requestId: string): void
}

/** One route for each row of the table. */
export function restRoutes(app: FastifyInstance, parts: RestParts): void {
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : parseJson(body as Buffer))
    } catch (error) {
      done(error instanceof NotJson ? refuse('BODY_NOT_JSON', { reason: error.message }) : (error as Error))
    }
  })
  app.addContentTypeParser('text/csv', { parseAs: 'buffer', bodyLimit: parts.options.uploadBytesMax }, (_request, body, done) => done(null, body))
  for (const method of methodNames) {
    // Events have a route of their own, because two more transports live there.
    if (method === 'event.page') continue
    const row = rowOf(method)
    const url = restPath(row).replaceAll(/\{([a-z_]+)\}/g, ':$1')
    app.route({
      method: restMethod(row),
      url,
      bodyLimit: bodyLimit(method, row, parts.options),
      ...(row.secret ? { compress: false } : {}),
      handler: (request: FastifyRequest, reply: FastifyReply) => answerRest(parts, method, row, request, reply),
    } as never)
  }
}

function bodyLimit(method: MethodName, row: Row, options: GatewayOptions): number {
  if (row.mode === 'upload') return options.uploadBytesMax
  return method === 'operation.submit' || method === 'auth.verify' ? options.submitBytesMax : options.bodyBytesMax
}

export async function answerRest(parts: RestParts, method: MethodName, row: Row, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const started = parts.monotonic()
  parts.metrics.set('icn_gateway_in_flight', ++inFlight)
  let kind = 'ok'
  let rate: RateAnswer | undefined
  const asker = await parts.asker(request.headers, request.address, request.lang)
  const signal = new AbortController()
  // Rows that need nobody may be open to every site; nothing of a person is in them.
  if (parts.options.corsPublic && row.access.includes('public') && !row.secret && request.headers.authorization === undefined)
    reply.header('Access-Control-Allow-Origin', '*').header('Cross-Origin-Resource-Policy', 'cross-origin')
  request.raw.once('close', () => request.raw.destroyed && signal.abort())
  try {
    if (!accepts(request, row)) throw refuse('NOT_ACCEPTABLE', { offered: row.mode === 'download' ? 'application/x-ndjson, text/csv' : 'application/json' })
    const csv = row.mode === 'upload' && Buffer.isBuffer(request.body) ? { bytes: request.body, type: 'text/csv' } : undefined
    const read = readRest(
      { url: request.raw.url ?? '', params: request.params as Record<string, string>, headers: request.headers, body: csv === undefined ? request.body : undefined },
      parts.calls.shape(method),
    )
    const input = row.secret && method.startsWith('auth.') ? withCookie(method, read.input, request, parts.options) : read.input
    const about = typeof input.did === 'string' ? input.did : undefined
    rate = parts.limits.take(row.cost, {
      ...(asker.caller.did === undefined ? {} : { did: asker.caller.did }),
      operator: asker.caller.operator,
      address: request.address,
      ...(about === undefined ? {} : { about }),
    })
    if (asker.trouble !== undefined && !row.access.includes('public')) throw asker.trouble
    const caller = read.lang === undefined ? asker.caller : { ...asker.caller, lang: read.lang }
    const options = { ...read.options, requestId: request.id, signal: signal.signal }
    let taken = false
    const more: AskOptions = {
      place: read.place,
      onTaken: () => (taken = true),
      ...(csv === undefined ? {} : { file: csv }),
      ...(read.preferWaitMs === undefined ? {} : { jobWaitMs: read.preferWaitMs }),
    }
    const work = () => parts.calls.ask(method, input, caller, options, more)
    const asked = row.cost === 'heavy' ? parts.limits.heavy(caller.did ?? request.address, work) : work()
    const answered = await inTime(asked, parts.options.handlerTimeoutMs, () => refuse(taken ? 'OUTCOME_UNKNOWN' : 'TIMEOUT'))
    if (asker.caller.did !== undefined) reply.headers(rateHeaders(rate))
    if (row.deprecated !== undefined) deprecated(parts, method, row, reply)
    return sendReply(reply, request, row, answered, read.options.ifNoneMatch, parts.options)
  } catch (error) {
    const problem = problemOf(error, request.lang, request.id)
    kind = codes[refusalOf(error).code].class
    if (problem.code === 'INTERNAL') parts.internal(error, request.id)
    return sendProblem(reply, problem, rate === undefined || asker.caller.did === undefined ? {} : rateHeaders(rate))
  } finally {
    parts.metrics.set('icn_gateway_in_flight', --inFlight)
    parts.metrics.add('icn_gateway_requests_total', 1, { method, class: kind })
    parts.metrics.observe('icn_gateway_request_duration_seconds', (parts.monotonic() - started) / 1_000, { cost: row.cost })
  }
}

// Of this process: a gauge has one value.
let inFlight = 0

export async function inTime<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
    // Whoever answers too late answers nobody.
    work.catch(() => {})
  }
}

function deprecated(parts: RestParts, method: MethodName, row: Row, reply: FastifyReply): void {
  const { since, sunset, use } = row.deprecated as NonNullable<Row['deprecated']>
  parts.metrics.add('icn_gateway_deprecated_total', 1, { method })
  reply.header('Deprecation', `@${Math.floor(Date.parse(since) / 1_000)}`).header('Sunset', new Date(sunset).toUTCString())
  reply.header('Link', `<${restPath(rowOf(use as MethodName))}>; rel="successor-version"`)
}

function accepts(request: FastifyRequest, row: Row): boolean {
  const { accept } = request.headers
  if (accept === undefined) return true
  const offered = row.mode === 'download' ? ['application/x-ndjson', 'text/csv', 'application/json'] : ['application/json', 'application/problem+json']
  return accept.split(',').some((part) => {
    const type = part.split(';')[0]?.trim().toLowerCase() ?? ''
    return type === '*/*' || offered.includes(type) || offered.some((one) => type === `${one.split('/')[0]}/*`)
  })
}

const cookieName = 'icn_refresh'

/** The browser's refresh token comes as a cookie, for two rows only and never from another site. */
function withCookie(method: MethodName, input: Readonly<Record<string, unknown>>, request: FastifyRequest, options: GatewayOptions): Readonly<Record<string, unknown>> {
  if ((method !== 'auth.refresh' && method !== 'auth.logout') || input.refresh_token !== undefined) return input
  const cookie = /(?:^|;\s*)icn_refresh=([A-Za-z0-9_-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1]
  if (cookie === undefined) return input
  const { origin } = request.headers
  if (origin === undefined || !originAllowed(origin, request.headers.host, options)) throw refuse('ORIGIN_NOT_ALLOWED')
  return { ...input, refresh_token: cookie }
}

/** A browser over TLS gets the refresh token as a cookie and never sees it; everybody else in the body. */
function refreshCookie(reply: FastifyReply, request: FastifyRequest, options: GatewayOptions, answered: Reply & { as: 'exchange' }): unknown {
  const { value, refreshCookie: token } = answered
  const browser = request.headers.origin !== undefined && options.tls !== null
  if (token === undefined || !browser) return value
  reply.header(
    'Set-Cookie',
    `${cookieName}=${token ?? ''}; Secure; HttpOnly; SameSite=Strict; Path=/v1/auth; Max-Age=${token === null ? 0 : (value as { readonly refresh_expires_in_secs: number }).refresh_expires_in_secs}`,
  )
  if (token === null) return value
  const { refresh_token: _hidden, ...rest } = value as Record<string, unknown>
  return rest
}

async function sendReply(
  reply: FastifyReply,
  request: FastifyRequest,
  row: Row,
  answered: Reply,
  ifNoneMatch: readonly string[] | undefined,
  options: GatewayOptions,
): Promise<FastifyReply> {
  const isPublic = row.access.includes('public') && request.headers.authorization === undefined && (answered.as === 'value' || answered.as === 'page')
  reply.header('Cache-Control', row.secret || answered.as === 'exchange' ? 'no-store' : isPublic ? 'public, max-age=30' : 'private, no-cache')
  if (!isPublic) reply.header('Vary', 'Authorization, Accept-Language')
  const json = (status: number, body: unknown): FastifyReply => reply.status(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
  if ((answered.as === 'value' || answered.as === 'page') && answered.meta !== undefined) {
    reply.header('ICN-As-Of', answered.meta.asOf).header('ICN-Sync', answered.meta.sync)
    if (answered.meta.checkpoint !== null) reply.header('ICN-Checkpoint', answered.meta.checkpoint)
  }
  switch (answered.as) {
    case 'value':
      if (answered.etag !== undefined) {
        reply.header('ETag', `"${answered.etag}"`)
        if (ifNoneMatch !== undefined && (ifNoneMatch.includes('*') || ifNoneMatch.includes(answered.etag))) return reply.status(304).send()
      }
      return json(200, answered.value)
    case 'page':
      return json(200, answered.page)
    case 'envelope':
      if (answered.location !== undefined) reply.header('Location', answered.location)
      if (answered.etag !== undefined) reply.header('ETag', `"${answered.etag}"`)
      if (answered.replayed) reply.header('Idempotency-Replayed', 'true')
      return json(answered.status, answered.envelope)
    case 'exchange':
      if (answered.location !== undefined) reply.header('Location', answered.location)
      return json(answered.status, refreshCookie(reply, request, options, answered))
    case 'job':
      reply.header('Location', answered.location)
      return json(answered.status, answered.job)
    case 'download': {
      const { type, name, body } = answered.answer
      if (name !== undefined) reply.header('Content-Disposition', `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}"`)
      return reply.type(type).send(Readable.from(body as AsyncIterable<Uint8Array | string>))
    }
  }
}

interface Pattern {
  readonly method: string
  readonly segments: readonly string[]
}

const patterns: readonly Pattern[] = methodNames.map((method) => ({ method: restMethod(rowOf(method)), segments: restPath(rowOf(method)).split('/').slice(1) }))
const literalPaths = [...new Set(patterns.map(({ segments }) => `/${segments.join('/')}`))]

/** Which methods an address takes, and the nearest one that exists when it takes none. */
export function allowedMethods(path: string): { readonly allowed: readonly string[]; readonly nearest?: string } {
  const segments = path.split('/').slice(1)
  const fits = (pattern: Pattern): boolean =>
    pattern.segments.length === segments.length && pattern.segments.every((segment, i) => segment.startsWith('{') || segment === segments[i])
  const allowed = [...new Set(patterns.filter(fits).flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))]
  if (allowed.length > 0) return { allowed }
  const near = nearest(path.slice(0, 100), literalPaths)
  return near === undefined ? { allowed } : { allowed, nearest: near }
}
