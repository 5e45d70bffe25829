import { timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Metrics } from '@icn/node'
import { problemOf, refuse } from '@icn/node'
import type { OpenDoor } from './gateway.ts'
import { sendProblem } from './http/problem.ts'
import { openServer } from './http/server.ts'
import { gatewayDefaults } from './options.ts'

export interface MetricsServerParts {
  readonly metrics: Metrics
  readonly host: string
  readonly port: number
  readonly hosts: readonly string[]
  /** Asked for when set; off loopback it must be. */
  readonly token: string | null
  /** Measures what is measured and not counted, just before it is read. */
  refresh(): void | Promise<void>
  /** Names of failing checks; empty: ready. */
  notReady(): readonly string[]
  /** Lines for whoever looks, beside whether it is ready. */
  details(): readonly string[]
  internal(error: unknown, requestId: string): void
}

/** `/metrics`, `/healthz`, `/readyz` on a port of their own, with the names of failing checks. */
export function openMetricsServer(parts: MetricsServerParts): { readonly app: ReturnType<typeof openServer>; listen(): Promise<OpenDoor> } {
  const app = openServer({
    options: {
      ...gatewayDefaults,
      host: parts.host,
      port: parts.port,
      hosts: parts.hosts,
      publicOrigin: `http://${parts.host.includes(':') ? `[${parts.host}]` : parts.host}:${parts.port}`,
    },
    internal: (error, id) => parts.internal(error, id),
  })
  app.get('/metrics', async (request, reply) => {
    if (parts.token !== null && !equalSecret(request.headers.authorization ?? '', `Bearer ${parts.token}`))
      return sendProblem(reply, problemOf(refuse('UNAUTHENTICATED'), request.lang, request.id))
    await parts.refresh()
    const { type, body } = await parts.metrics.text((request.headers.accept ?? '').includes('application/openmetrics-text'))
    return reply.header('Cache-Control', 'no-store').type(type).send(body)
  })
  app.get('/healthz', async (_, reply) => reply.header('Cache-Control', 'no-store').type('text/plain').send('ok\n'))
  app.get('/readyz', async (_, reply) => {
    const failing = parts.notReady()
    return reply
      .status(failing.length === 0 ? 200 : 503)
      .header('Cache-Control', 'no-store')
      .type('text/plain')
      .send(`${[...(failing.length === 0 ? ['ready'] : failing), ...parts.details()].join('\n')}\n`)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, problemOf(refuse('ROUTE_UNKNOWN', { path: (request.raw.url ?? '/').slice(0, 200), nearest: '/metrics' }), request.lang, request.id)),
  )
  return {
    app,
    async listen() {
      await app.listen({ host: parts.host, port: parts.port })
      const { address, port, family } = app.server.address() as AddressInfo
      return { app, address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close: () => app.close().then(() => undefined) }
    },
  }
}

function equalSecret(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
