import { problemOf, refuse } from '@icn/node'
import type { Code } from '@icn/protocol'
import { codeClasses, codes, pickLanguage } from '@icn/protocol'
import type { FastifyInstance } from 'fastify'
import type { Tokens } from '../auth/tokens.ts'
import { sendProblem } from '../http/problem.ts'
import { renderOpenApi } from './openapi.ts'
import { renderOpenRpc } from './openrpc.ts'

/** Documents that every node serves: the same for all, so they may be kept for a while. */
export function documentRoutes(app: FastifyInstance, parts: { readonly version: string; readonly origin: string; readonly tokens: Tokens }): void {
  const once = <T>(make: () => T): (() => T) => {
    let made: T | undefined
    return () => (made ??= make())
  }
  const openApi = once(() => JSON.stringify(renderOpenApi()))
  const openRpc = once(() => JSON.stringify(renderOpenRpc()))
  const json = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'public, max-age=300' }
  app.get('/v1/openapi.json', async (_, reply) => reply.headers(json).send(openApi()))
  app.get('/v1/openrpc.json', async (_, reply) => reply.headers(json).send(openRpc()))
  app.get('/.well-known/jwks.json', async (_, reply) => reply.headers({ ...json, 'Cache-Control': 'public, max-age=300' }).send(JSON.stringify(await parts.tokens.jwks())))
}

const markup = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** What `type` of a problem points to: one page for each code. */
export function codePages(app: FastifyInstance): void {
  app.get<{ Params: { code: string } }>('/codes/:code', async (request, reply) => {
    const { code } = request.params
    if (!Object.hasOwn(codes, code)) return sendProblem(reply, problemOf(refuse('NOT_FOUND'), request.lang, request.id))
    const row = codes[code as Code]
    const kind = codeClasses[row.class]
    const language = pickLanguage(request.headers['accept-language'])
    reply.header('Cache-Control', 'public, max-age=300').header('Vary', 'Accept, Accept-Language')
    if (!(request.headers.accept ?? '').includes('text/html')) {
      return reply.type('application/json; charset=utf-8').send(
        JSON.stringify({
          code,
          class: row.class,
          status: row.http ?? kind.http,
          rpc: kind.rpc,
          exit: kind.exit,
          retry: kind.retry,
          text: row[language],
          fix: row.fix?.[language] ?? null,
        }),
      )
    }
    const fix = row.fix === undefined ? '' : `<p>${markup(row.fix[language])}</p>`
    return reply
      .type('text/html; charset=utf-8')
      .send(
        `<!doctype html><html lang="${language}"><meta charset="utf-8"><title>${code}</title><h1>${code}</h1><p>${markup(row[language])}</p>${fix}<p>${row.class} · HTTP ${row.http ?? kind.http} · exit ${kind.exit}</p></html>`,
      )
  })
}
