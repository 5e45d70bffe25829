import type { EventPosition } from '@icn/node'
import { problemOf, refuse } from '@icn/node'
import type { EventSpace } from '@icn/protocol'
import { isEventSpace, pickLanguage, rowOf } from '@icn/protocol'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { GatewayParts } from '../gateway.ts'
import { askerOfToken, type Asker } from '../http/caller.ts'
import { NotJson, parseJsonText } from '../http/json.ts'
import type { Limits } from '../http/limits.ts'
import { sendProblem } from '../http/problem.ts'
import { originAllowed } from '../http/server.ts'
import { answerRest, type RestParts } from '../rest/routes.ts'
import type { CloseReason, EventHub, Frame, Subscriber, Wire } from './hub.ts'

export interface EventRouteParts {
  readonly hub: EventHub
  readonly parts: GatewayParts
  readonly limits: Limits
  asker: RestParts['asker']
  operatorHere(address: string): boolean
}

/** The parts of a `ws` socket that are used here. */
interface Socket {
  readonly bufferedAmount: number
  /** 1: open. */
  readonly readyState: number
  readonly protocol: string
  send(text: string): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, binary: boolean) => void): void
  on(event: 'close' | 'error' | 'pong', listener: () => void): void
}

const helloMs = 10_000
const silenceMs = 60_000
const subscriptionsMax = 100

const closeCodes: Readonly<Record<CloseReason, number>> = { stopping: 1001, session: 4401, busy: 1013, silent: 1001 }
const reconnectMs: Readonly<Record<CloseReason, number>> = { stopping: 2_000, session: 0, busy: 10_000, silent: 1_000 }

const Position = z.strictObject({ epoch: z.string().max(64), sequence: z.int().min(0) })
const space = z.string().refine(isEventSpace) as unknown as z.ZodType<EventSpace>
const ClientFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), token: z.string().max(4_096), lang: z.string().max(64).optional() }),
  z.strictObject({
    type: z.literal('subscribe'),
    id: z.string().min(1).max(64),
    spaces: z.array(space).min(1).max(100),
    topics: z.array(z.string().max(64)).min(1).max(40),
    after: z.record(z.string().max(80), Position).optional(),
  }),
  z.strictObject({ type: z.literal('unsubscribe'), id: z.string().min(1).max(64) }),
  z.strictObject({ type: z.literal('token'), token: z.string().max(4_096) }),
])

/** One address, three ways: WebSocket, SSE, page. */
export function eventRoutes(app: FastifyInstance, given: EventRouteParts): void {
  const { parts, hub } = given
  const perAddress = new Map<string, number>()
  const stops = [
    parts.sessions.onOpen(({ did, sid, signer, label }) => hub.tell(did, 'session.opened', { sid, signer, label })),
    parts.sessions.onEnd((row, reason) => {
      hub.endSession(row.sid)
      hub.tell(row.did, 'session.ended', { sid: row.sid, reason })
    }),
    parts.calls.jobs.onChange(({ id, method, state, progress: { done, total, unit } }, did) => hub.tell(did, 'job.changed', { job_id: id, method, state, done, total, unit })),
  ]
  // A door that opens again brings a hub of its own.
  app.addHook('onClose', async () => {
    for (const stop of stops) stop()
  })
  const count = (address: string, by: number): void => {
    const now = (perAddress.get(address) ?? 0) + by
    if (now <= 0) perAddress.delete(address)
    else perAddress.set(address, now)
  }
  const full = (address: string): boolean => hub.size >= parts.options.socketsMax || (perAddress.get(address) ?? 0) >= parts.options.socketsPerAddressMax

  // After the plugins are there: the socket handler belongs to one of them.
  app.register(async (scope) => {
    scope.route({
      method: 'GET',
      url: '/v1/events',
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const row = rowOf('event.page')
        if (!(request.headers.accept ?? '').includes('text/event-stream'))
          return answerRest({ ...parts, limits: given.limits, asker: given.asker, door: 'gateway' }, 'event.page', row, request, reply)
        try {
          if (full(request.address)) throw refuse('RATE_LIMITED', { limit: 'events' })
          const asker = await given.asker(request.headers, request.address, request.lang)
          if (asker.trouble !== undefined) throw asker.trouble
          if (asker.caller.did === undefined) throw refuse('UNAUTHENTICATED')
          given.limits.take('read', { did: asker.caller.did, operator: false, address: request.address })
          if (hub.countOf(asker.caller.did) >= parts.options.socketsPerDidMax) throw refuse('RATE_LIMITED', { limit: 'events' })
          stream(given, request, reply, asker, count)
          return reply
        } catch (error) {
          return sendProblem(reply, problemOf(error, request.lang, request.id))
        }
      },
      wsHandler: (socket: Socket, request: FastifyRequest) => {
        if (full(request.address)) return socket.close(4429, 'too many')
        count(request.address, 1)
        socket.on('close', () => count(request.address, -1))
        new SocketReader(socket, request, given).start()
      },
      // An upgrade is a GET: the foreign page that makes one is told no here.
      preValidation: async (request: FastifyRequest) => {
        const { origin, upgrade } = request.headers
        if (upgrade !== undefined && origin !== undefined && !originAllowed(origin, request.headers.host, parts.options)) throw refuse('ORIGIN_NOT_ALLOWED')
      },
    } as never)
  })
}

function readerOf(asker: Asker): Subscriber['reader'] {
  const { did, sid, operator, spaces, scopes } = asker.caller
  return {
    operator,
    ...(did === undefined ? {} : { did }),
    ...(sid === undefined ? {} : { sid }),
    ...(spaces === undefined ? {} : { spaces }),
    ...(scopes === undefined ? {} : { scopes }),
  }
}

/** Server-sent events; the id of each is a sealed cursor over all spaces, so Last-Event-ID resumes. */
function stream(given: EventRouteParts, request: FastifyRequest, reply: FastifyReply, asker: Asker, count: (address: string, by: number) => void): void {
  const { hub, parts } = given
  const query = new URL(request.raw.url ?? '', 'http://here').searchParams
  const reader = readerOf(asker)
  const asked = query.getAll('spaces')
  if (asked.some((name) => !isEventSpace(name))) throw refuse('NOT_FOUND')
  const spaces = (asked.length === 0 ? parts.feed.spacesOf(reader) : asked) as readonly EventSpace[]
  const topics = query.getAll('topics')
  const last = request.headers['last-event-id']
  const cursor = typeof last === 'string' && last !== '' ? last : (query.get('after') ?? undefined)
  const after = cursor === undefined ? {} : parts.feed.openPositions(cursor)
  if (after === undefined) throw refuse('CURSOR_INVALID')
  if (spaces.some((name) => !parts.feed.mayFollow(reader, name))) throw refuse('NOT_FOUND')

  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    Connection: 'keep-alive',
    'X-Accel-Buffering': 'no',
  })
  raw.write('retry: 2000\n\n')
  const positions: Record<string, EventPosition> = {}
  const wire: Wire = {
    transport: 'sse',
    buffered: () => raw.writableLength,
    ping: () => {},
    send: (frame: Frame) => {
      if (frame.type === 'event') {
        const { space: name, sequence, epoch } = frame.event
        if (name !== undefined && sequence !== undefined && epoch !== undefined) positions[name] = { epoch, sequence: Number(sequence) }
        raw.write(`id: ${parts.feed.sealPositions(positions)}\nevent: event\ndata: ${JSON.stringify(frame.event)}\n\n`)
        return
      }
      if ('positions' in frame) Object.assign(positions, frame.positions)
      raw.write(`id: ${parts.feed.sealPositions(positions)}\nevent: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`)
      if (frame.type === 'dropped') raw.end()
    },
    close: (reason) => {
      raw.write(`event: bye\ndata: ${JSON.stringify({ type: 'bye', reason, reconnect_after_ms: reconnectMs[reason] })}\n\n`)
      raw.end()
    },
  }
  const subscriber = hub.add(wire, reader, asker.expiresAt ?? Number.POSITIVE_INFINITY)
  const alive = setInterval(() => raw.write(': alive\n\n'), 15_000)
  alive.unref()
  count(request.address, 1)
  raw.once('close', () => {
    clearInterval(alive)
    count(request.address, -1)
    hub.remove(subscriber)
  })
  hub.subscribe(subscriber, 'sse', spaces, topics.length === 0 ? ['*'] : topics, after)
}

/** One WebSocket: hello first, then subscriptions (doors page §13). */
class SocketReader {
  readonly #socket: Socket
  readonly #request: FastifyRequest
  readonly #given: EventRouteParts
  #subscriber: Subscriber | undefined
  #heardAt: number
  #hello: NodeJS.Timeout | undefined
  #alive: NodeJS.Timeout | undefined
  // Frames are answered in the order in which they came.
  #turn: Promise<void> = Promise.resolve()

  constructor(socket: Socket, request: FastifyRequest, given: EventRouteParts) {
    this.#socket = socket
    this.#request = request
    this.#given = given
    this.#heardAt = given.parts.monotonic()
  }

  start(): void {
    this.#hello = setTimeout(() => this.#socket.close(4408, 'hello missing'), helloMs)
    this.#alive = setInterval(() => {
      if (this.#given.parts.monotonic() - this.#heardAt > silenceMs) this.#socket.terminate()
    }, 10_000)
    this.#alive.unref()
    this.#socket.on('message', (data, binary) => {
      this.#heardAt = this.#given.parts.monotonic()
      this.#turn = this.#turn.then(() => this.#read(data, binary)).catch((error) => this.#given.parts.fault('events', error))
    })
    this.#socket.on('pong', () => {
      this.#heardAt = this.#given.parts.monotonic()
    })
    this.#socket.on('error', () => this.#socket.terminate())
    this.#socket.on('close', () => {
      clearTimeout(this.#hello)
      clearInterval(this.#alive)
      if (this.#subscriber !== undefined) this.#given.hub.remove(this.#subscriber)
    })
  }

  #say(frame: object): void {
    this.#socket.send(JSON.stringify(frame))
  }

  async #read(data: Buffer, binary: boolean): Promise<void> {
    let value: unknown
    try {
      value = binary ? undefined : parseJsonText(data.toString('utf8'))
    } catch (error) {
      if (!(error instanceof NotJson)) throw error
    }
    const frame = ClientFrame.safeParse(value)
    if (!frame.success) return this.#socket.close(4400, 'not a frame')
    if (frame.data.type === 'hello') return this.#onHello(frame.data.token, frame.data.lang)
    if (this.#subscriber === undefined) return this.#socket.close(4401, 'hello first')
    this.#onFrame(this.#subscriber, frame.data)
    if (frame.data.type === 'token') await this.#onToken(this.#subscriber, frame.data.token)
  }

  async #ask(token: string): Promise<Asker | undefined> {
    const { parts } = this.#given
    const here = this.#given.operatorHere(this.#request.address)
    return askerOfToken(parts, token, { lang: this.#request.lang, operator: false, operatorHere: here }).catch(() => undefined)
  }

  async #onHello(token: string, lang: string | undefined): Promise<void> {
    const { hub, parts } = this.#given
    if (this.#subscriber !== undefined) return this.#socket.close(4400, 'hello twice')
    const asker = await this.#ask(token)
    // It left while its token was checked: nobody would take it off the list again.
    if (this.#socket.readyState !== 1) return
    if (asker?.caller.did === undefined) return this.#socket.close(4401, 'no session')
    if (hub.countOf(asker.caller.did) >= parts.options.socketsPerDidMax) return this.#socket.close(4429, 'too many')
    clearTimeout(this.#hello)
    if (lang !== undefined) this.#request.lang = pickLanguage(lang)
    const wire: Wire = {
      transport: 'websocket',
      buffered: () => this.#socket.bufferedAmount,
      ping: () => this.#socket.ping(),
      send: (frame) => this.#say(frame),
      close: (reason) => {
        this.#say({ type: 'bye', reason, reconnect_after_ms: reconnectMs[reason] })
        this.#socket.close(closeCodes[reason], reason)
      },
    }
    const reader = readerOf(asker)
    this.#subscriber = hub.add(wire, reader, asker.expiresAt ?? Number.POSITIVE_INFINITY)
    const spaces = parts.feed.spacesOf(reader).map((name) => ({ space: name, ...parts.feed.extent(name) }))
    this.#say({ type: 'welcome', did: asker.caller.did, node: parts.journal.node, heartbeat_ms: 30_000, spaces })
  }

  async #onToken(subscriber: Subscriber, token: string): Promise<void> {
    const asker = await this.#ask(token)
    // A fresh token of somebody else would change whose rights are asked.
    if (asker?.caller.did === undefined || asker.caller.did !== subscriber.reader.did) return this.#socket.close(4401, 'no session')
    subscriber.reader = readerOf(asker)
    subscriber.expiresAt = asker.expiresAt ?? Number.POSITIVE_INFINITY
  }

  #onFrame(subscriber: Subscriber, frame: z.output<typeof ClientFrame>): void {
    const { hub } = this.#given
    if (frame.type === 'unsubscribe') hub.unsubscribe(subscriber, frame.id)
    if (frame.type !== 'subscribe') return
    if (subscriber.subscriptions.size >= subscriptionsMax || subscriber.subscriptions.has(frame.id)) this.#problem(refuse('ALREADY_EXISTS'), frame.id)
    else if (!hub.subscribe(subscriber, frame.id, frame.spaces, frame.topics, frame.after ?? {})) this.#problem(refuse('NOT_FOUND'), frame.id)
  }

  #problem(error: Error, id: string): void {
    this.#say({ type: 'problem', id, problem: problemOf(error, this.#request.lang, this.#request.id) })
  }
}
