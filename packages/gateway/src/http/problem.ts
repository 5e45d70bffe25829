import type { Problem } from '@icn/protocol'
import type { FastifyReply } from 'fastify'

/** A problem with the headers that go with it. */
export function sendProblem(reply: FastifyReply, problem: Problem, more: Readonly<Record<string, string>> = {}): FastifyReply {
  reply.status(problem.status).type('application/problem+json; charset=utf-8').header('Cache-Control', 'no-store')
  for (const [name, value] of Object.entries(more)) reply.header(name, value)
  if (problem.status === 401)
    reply.header('WWW-Authenticate', `Bearer realm="icn"${problem.code === 'TOKEN_EXPIRED' || problem.code === 'TOKEN_REVOKED' ? ', error="invalid_token"' : ''}`)
  if ((problem.status === 429 || problem.status === 503 || problem.status === 507) && problem.retry.after_ms !== null)
    reply.header('Retry-After', String(Math.max(1, Math.ceil(problem.retry.after_ms / 1_000))))
  return reply.send(JSON.stringify(problem))
}
