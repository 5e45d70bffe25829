import type { Calls, Metrics } from '@icn/node'
import { problemOf, refuse } from '@icn/node'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { renderOpenRpc } from '../documents/openrpc.ts'
import type { Asker } from '../http/caller.ts'
import type { Limits } from '../http/limits.ts'
import { sendProblem } from '../http/problem.ts'
import type { GatewayOptions } from '../options.ts'
import { inTime } from '../rest/routes.ts'
import { dispatch } from './dispatch.ts'

export interface RpcRouteParts {
  readonly calls: Calls
  readonly limits: Limits
  readonly metrics: Metrics
  readonly options: Pick<GatewayOptions, 'handlerTimeoutMs' | 'submitBytesMax'>
  readonly operatorRows: boolean
  readonly batchMax: number
  asker(headers: Readonly<Record<string, unknown>>, address: string, lang: string): Promise<Asker>
  monotonic(): number
  internal(error: unknown, requestId: string): void
}

let inFlight = 0

/** JSON-RPC over HTTP POST: 200 for whatever could be read as JSON-RPC, errors included; 204 when nothing is owed. */
export function rpcRoute(app: FastifyInstance, url: string, parts: RpcRouteParts): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      if (!Buffer.isBuffer(request.body)) return sendProblem(reply, problemOf(refuse('CONTENT_TYPE_UNSUPPORTED', { expected: 'application/json' }), request.lang, request.id))
      const asker = await parts.asker(request.headers, request.address, request.lang)
      parts.metrics.set('icn_rpc_in_flight', ++inFlight)
      try {
        const text = await dispatch(
          {
            calls: parts.calls,
            metrics: parts.metrics,
            operatorRows: parts.operatorRows,
            batchMax: parts.batchMax,
            requestId: request.id,
            discover: renderOpenRpc,
            take: (row, input) => {
              const about = typeof input.did === 'string' ? input.did : undefined
              parts.limits.take(row.cost, {
                ...(asker.caller.did === undefined ? {} : { did: asker.caller.did }),
                operator: asker.caller.operator,
                address: request.address,
                ...(about === undefined ? {} : { about }),
              })
            },
            heavy: (work) => parts.limits.heavy(asker.caller.did ?? request.address, work),
            internal: (error, id) => parts.internal(error, id),
            monotonic: () => parts.monotonic(),
            deadline: (work, taken) => inTime(work, parts.options.handlerTimeoutMs, () => refuse(taken() ? 'OUTCOME_UNKNOWN' : 'TIMEOUT')),
          },
          request.body,
          asker,
        )
        reply.header('Cache-Control', 'no-store')
        return text === null ? reply.status(204).send() : reply.type('application/json; charset=utf-8').send(text)
      } finally {
        parts.metrics.set('icn_rpc_in_flight', --inFlight)
      }
    }
    scope.route({ method: 'POST', url, bodyLimit: parts.options.submitBytesMax, compress: false, handler } as never)
  })
}
