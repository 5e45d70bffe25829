import type { MethodName, Row } from '@icn/protocol'
import { codeClasses, codes, type CodeClass, envelopeOf, methodNames, pageOf, pathFields, ProblemJson, restMethod, restPath, rowOf } from '@icn/protocol'
import { type JsonSchema, SchemaPrinter } from './schemas.ts'

/** OpenAPI 3.1 of every row (doors page §1). Pure: the same table gives the same document. */

const tagTexts: Readonly<Record<string, string>> = {
  auth: 'Signing in and out.',
  me: 'Your own matters.',
  identity: 'Identities and permissions.',
  device: 'Your devices.',
  act: 'Changes of several persons.',
  coop: 'Cooperatives and their registers.',
  charter: 'Charters.',
  founding: 'Drafts of a founding.',
  space: 'Spaces held by this node.',
  operation: 'The audit log.',
  decision: 'Why something was done or refused.',
  quarantine: 'Changes that wait for a person.',
  event: 'What happens.',
  job: 'Long work.',
  node: 'This node.',
}

const areaOf = (method: MethodName): string => method.slice(0, method.indexOf('.'))

export function renderOpenApi(): Record<string, unknown> {
  const printer = new SchemaPrinter()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const method of methodNames) {
    const row = rowOf(method)
    const path = restPath(row)
    paths[path] ??= {}
    ;(paths[path] as Record<string, unknown>)[restMethod(row).toLowerCase()] = operationOf(method, row, printer)
  }
  const areas = [...new Set(methodNames.map(areaOf))]
  return {
    openapi: '3.1.0',
    info: {
      title: 'icn',
      version: '1.0.0',
      summary: 'What can be asked of a node of a cooperative.',
      description: 'Times are RFC 3339 in UTC, amounts are decimal text of whole minor units, bytes are base64url without padding. Clients ignore fields they do not know.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This node.' }],
    tags: areas.map((name) => ({ name, description: tagTexts[name] ?? name })),
    paths,
    components: {
      securitySchemes: {
        session: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Access token from auth.verify.' },
        operator: { type: 'http', scheme: 'bearer', description: 'The operator token of this node, on loopback.' },
      },
      parameters: parameters(),
      headers: { 'Request-Id': { description: 'Names this request in the node’s log.', schema: { type: 'string' } } },
      responses: problemResponses(printer),
      schemas: { ...printer.shared },
    },
  }
}

function parameters(): Record<string, unknown> {
  const query = (name: string, description: string, schema: JsonSchema) => ({ name, in: 'query', description, required: false, schema })
  const header = (name: string, description: string) => ({ name, in: 'header', description, required: false, schema: { type: 'string' } })
  return {
    dry_run: query('dry_run', 'Try it; nothing is written.', { type: 'boolean', default: false }),
    draft: query('draft', 'Answer unsigned operations for your own key.', { type: 'boolean', default: false }),
    explain: query('explain', 'The whole decision record in place of its summary.', { type: 'boolean', default: false }),
    wait: query('wait', 'Answer when it is written, or when a checkpoint covers it.', { type: 'string', enum: ['applied', 'final'], default: 'applied' }),
    wait_ms: query('wait_ms', 'How long to wait at most.', { type: 'integer', minimum: 0, maximum: 30_000 }),
    at_least: query('at_least', 'Answer only when this operation is held here.', { type: 'string' }),
    idempotency_key: header('Idempotency-Key', 'Same key and input: the same answer, done once.'),
    if_unchanged: header('ICN-If-Unchanged', 'Token of a dry run: fail when what it read has changed.'),
    if_match: header('If-Match', 'Tag of what you read.'),
    if_none_match: header('If-None-Match', 'Tag of what you have: 304 when it still stands.'),
    accept_language: header('Accept-Language', 'Language of texts: en or es.'),
  }
}

const statuses = [...new Set(Object.values(codeClasses).map(({ http }) => http))].filter((status) => status >= 400)
const extraStatuses = [406, 413, 414, 415, 428, 429, 431]

function problemResponses(printer: SchemaPrinter): Record<string, unknown> {
  const problem = printer.print(ProblemJson, 'output')
  const classOf = (status: number): string =>
    (Object.entries(codeClasses) as [CodeClass, { http: number }][])
      .filter(([, row]) => row.http === status)
      .map(([name]) => name)
      .join(', ') || 'input, busy'
  return Object.fromEntries(
    [...statuses, ...extraStatuses].map((status) => [
      `Problem${status}`,
      {
        description: `Refused (${classOf(status)}).`,
        headers: { 'Request-Id': { $ref: '#/components/headers/Request-Id' } },
        content: { 'application/problem+json': { schema: problem } },
      },
    ]),
  )
}

function operationOf(method: MethodName, row: Row, printer: SchemaPrinter): Record<string, unknown> {
  const input = printer.print(row.input, 'input') as { properties?: Record<string, JsonSchema>; required?: readonly string[] }
  const inPath = pathFields(row.rest)
  const fields = Object.entries(input.properties ?? {}).filter(([name]) => !inPath.includes(name))
  const inQuery = restMethod(row) === 'GET' || restMethod(row) === 'DELETE'
  const reference = (name: string) => ({ $ref: `#/components/parameters/${name}` })
  const isWrite = row.mode === 'write'
  const parametersOf = [
    ...inPath.map((name) => ({ name, in: 'path', required: true, ...described(input.properties?.[name]) })),
    ...(inQuery ? fields.map(([name, schema]) => ({ name, in: 'query', required: input.required?.includes(name) ?? false, ...described(schema) })) : []),
    ...(row.dryRun === true ? ['dry_run'].map(reference) : []),
    ...(isWrite ? ['dry_run', 'draft', 'explain', 'wait', 'wait_ms', 'idempotency_key', 'if_unchanged'].map(reference) : []),
    ...(row.match === undefined || row.match === 'none' ? [] : [reference('if_match')]),
    ...(row.mode === 'read' || row.mode === 'list' ? ['at_least', 'wait_ms'].map(reference) : []),
    ...(row.mode === 'read' ? [reference('if_none_match')] : []),
    reference('accept_language'),
  ]
  return {
    operationId: method,
    tags: [areaOf(method)],
    summary: row.says,
    description: descriptionOf(row),
    security: securityOf(row),
    ...(row.deprecated === undefined ? {} : { deprecated: true }),
    parameters: parametersOf,
    ...(inQuery || fields.length === 0 ? {} : { requestBody: bodyOf(row, fields, input.required ?? [], inPath) }),
    responses: { ...goodResponses(row, printer), ...badResponses(row) },
    'x-rpc-method': method,
    ...(row.cli === undefined ? {} : { 'x-cli': `icnctl ${row.cli}` }),
    'x-rate-class': row.cost,
    'x-access': [...row.access],
    'x-codes': [...row.refuses],
  }
}

function described(schema: JsonSchema | undefined): { description: string; schema: JsonSchema } {
  const { description, ...rest } = schema ?? {}
  return { description: typeof description === 'string' ? description : '', schema: rest }
}

function descriptionOf(row: Row): string {
  const lines = [row.says]
  if (row.proposes !== undefined && row.proposes.length > 0 && row.proposes[0] !== '*') lines.push(`Operation: ${row.proposes.join(', ')}.`)
  if (row.refuses.length > 0) lines.push(`May be refused with ${row.refuses.join(', ')}.`)
  return lines.join('\n\n')
}

function securityOf(row: Row): readonly Record<string, readonly string[]>[] {
  if (row.access.includes('public')) return [{}, { session: [] }]
  if (row.access.every((word) => word === 'operator')) return [{ operator: [] }]
  return row.access.includes('operator') ? [{ session: [] }, { operator: [] }] : [{ session: [] }]
}

function bodyOf(row: Row, fields: readonly (readonly [string, JsonSchema])[], required: readonly string[], inPath: readonly string[]): Record<string, unknown> {
  const needed = required.filter((name) => !inPath.includes(name))
  const schema = { type: 'object', properties: Object.fromEntries(fields), ...(needed.length === 0 ? {} : { required: needed }), additionalProperties: false }
  const example = Object.fromEntries(Object.entries(row.example.input).filter(([name]) => !inPath.includes(name)))
  const json = { 'application/json': { schema, example } }
  return row.mode === 'upload' ? { required: true, content: { 'text/csv': { schema: { type: 'string' } }, ...json } } : { required: needed.length > 0, content: json }
}

function goodResponses(row: Row, printer: SchemaPrinter): Record<string, unknown> {
  const headers = { 'Request-Id': { $ref: '#/components/headers/Request-Id' } }
  const answer = (description: string, schema: JsonSchema, example: unknown) => ({ description, headers, content: { 'application/json': { schema, example } } })
  switch (row.mode) {
    case 'list':
      return { '200': answer('One page.', printer.print(pageOf(row.output), 'output'), row.example.output) }
    case 'write': {
      const schema = printer.print(envelopeOf(row.output), 'output')
      const example = { outcome: 'applied', value: row.example.output, operations: [], decision: null, warnings: [] }
      return { '200': answer('Done, done before, tried, or drafted.', schema, example), '201': answer('Created.', schema, example) }
    }
    case 'download':
      return {
        '200': {
          description: 'The file.',
          headers,
          content: { 'application/x-ndjson': { schema: { type: 'string' }, example: '{"v":1}\n' }, 'text/csv': { schema: { type: 'string' }, example: row.example.output } },
        },
      }
    case 'job': {
      const schema = { $ref: '#/components/schemas/Job' }
      return {
        '200': { description: 'Done within the time that was waited.', headers, content: { 'application/json': { schema } } },
        '202': { description: 'Begun.', headers, content: { 'application/json': { schema } } },
      }
    }
    default:
      return { '200': answer('The answer.', printer.print(row.output, 'output'), row.example.output) }
  }
}

function badResponses(row: Row): Record<string, unknown> {
  const own = row.refuses.map((code) => codes[code].http ?? codeClasses[codes[code].class].http).filter((status) => status >= 400)
  const common = [
    400,
    403,
    404,
    406,
    414,
    429,
    431,
    500,
    503,
    504,
    ...(row.access.includes('public') ? [] : [401]),
    ...(row.mode === 'write' ? [409, 412, 413, 415, 422, 507] : []),
    ...(row.match === 'required' ? [428] : []),
  ]
  const all = [...new Set([...common, ...own])].sort((a, b) => a - b)
  return Object.fromEntries(all.map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]))
}
