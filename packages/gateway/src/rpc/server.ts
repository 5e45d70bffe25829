import type { AddressInfo } from 'node:net'
import type { Calls, Metrics } from '@icn/node'
import { problemOf, refuse } from '@icn/node'
import type { OpenDoor } from '../gateway.ts'
import { isLoopback } from '../http/address.ts'
import { askerOf, type CallerParts } from '../http/caller.ts'
import { Limits } from '../http/limits.ts'
import { sendProblem } from '../http/problem.ts'
import { openServer } from '../http/server.ts'
import type { GatewayOptions } from '../options.ts'
import { rpcRoute } from './route.ts'

export interface RpcServerParts extends CallerParts {
  readonly calls: Calls
  readonly metrics: Metrics
  /** `host` and `port` are this door's own; the origin is the gateway's, because sessions are the same. */
  readonly options: GatewayOptions
  monotonic(): number
  internal(error: unknown, requestId: string): void
}

/** The operator's door: JSON-RPC on loopback, all rows, the operator token taken. */
export function openRpc(parts: RpcServerParts): { readonly app: ReturnType<typeof openServer>; listen(): Promise<OpenDoor> } {
  const app = openServer({ options: { ...parts.options, corsOrigins: [], trustedProxies: [], tls: null }, internal: (error, id) => parts.internal(error, id) })
  const limits = new Limits({
    now: () => parts.monotonic(),
    ratePermille: parts.options.ratePermille,
    onLimited: (cost) => parts.metrics.add('icn_gateway_rate_limited_total', 1, { class: cost }),
  })
  rpcRoute(app, '/rpc', {
    ...parts,
    limits,
    operatorRows: true,
    batchMax: parts.options.batchMax,
    asker: (headers, address, lang) =>
      askerOf(parts, {
        ...(typeof headers.authorization === 'string' ? { authorization: headers.authorization } : {}),
        ...(typeof headers['icn-operator'] === 'string' ? { operator: headers['icn-operator'] } : {}),
        lang,
        operatorHere: isLoopback(address),
      }),
  })
  app.setNotFoundHandler((request, reply) => {
    const path = (request.raw.url ?? '/').split('?')[0] ?? '/'
    if (path === '/rpc') return sendProblem(reply, problemOf(refuse('HTTP_METHOD_NOT_ALLOWED', { allowed: ['POST'] }), request.lang, request.id), { Allow: 'POST' })
    return sendProblem(reply, problemOf(refuse('ROUTE_UNKNOWN', { path: path.slice(0, 200), nearest: '/rpc' }), request.lang, request.id))
  })
  return {
    app,
    async listen() {
      await app.listen({ host: parts.options.host, port: parts.options.port })
      const { address, port, family } = app.server.address() as AddressInfo
      return { app, address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close: () => app.close().then(() => undefined) }
    },
  }
}
