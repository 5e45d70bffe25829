import { codeClasses, codes, envelopeOf, JobView, methodNames, pageOf, reservedParams, rowOf } from '@icn/protocol'
import { inputShape } from '@icn/node'
import { type JsonSchema, SchemaPrinter } from './schemas.ts'

const reservedTexts: Readonly<Record<(typeof reservedParams)[number], string>> = {
  dry_run: 'Try it; nothing is written.',
  draft: 'Answer unsigned operations for your own key.',
  explain: 'The whole decision record.',
  if_unchanged: 'Token of a dry run.',
  if_match: 'Tag of what you read.',
  idempotency_key: 'Same key and input: the same answer.',
  as_of: 'State at a past time.',
  at_least: 'Only when this operation is held here.',
  wait: 'applied or final.',
  wait_ms: 'How long to wait at most.',
  lang: 'Language of texts.',
  meta: 'Wrap a read as { value, meta }.',
}

/** OpenRPC 1.3 of every row; what `rpc.discover` answers. */
export function renderOpenRpc(): Record<string, unknown> {
  const printer = new SchemaPrinter()
  const methods = methodNames.map((method) => {
    const row = rowOf(method)
    const input = printer.print(row.input, 'input') as { properties?: Record<string, JsonSchema>; required?: readonly string[] }
    const order = inputShape(row).fields
    const output = row.mode === 'list' ? pageOf(row.output) : row.mode === 'write' ? envelopeOf(row.output) : row.mode === 'job' ? JobView : row.output
    const example = row.mode === 'write' ? { outcome: 'applied', value: row.example.output, operations: [], decision: null, warnings: [] } : row.example.output
    return {
      name: method,
      summary: row.says,
      tags: [{ name: method.slice(0, method.indexOf('.')) }],
      paramStructure: 'either',
      params: order.map((name) => {
        const { description, ...schema } = input.properties?.[name] ?? {}
        return { name, ...(typeof description === 'string' ? { description } : {}), required: input.required?.includes(name) ?? false, schema }
      }),
      result: { name: 'result', schema: printer.print(output, 'output') },
      errors: row.refuses
        .filter((code) => codes[code].class !== 'already_done')
        .map((code) => ({ code: codeClasses[codes[code].class].rpc, message: codes[code].en, data: { code } })),
      ...(row.mode === 'job' || row.mode === 'download'
        ? {}
        : { examples: [{ name: 'example', params: Object.entries(row.example.input).map(([name, value]) => ({ name, value })), result: { name: 'result', value: example } }] }),
      'x-access': [...row.access],
      'x-reserved-params': reservedParams.filter((name) => (row.mode === 'write' ? true : name === 'dry_run' ? row.dryRun === true : name !== 'draft')),
    }
  })
  return {
    openrpc: '1.3.2',
    info: {
      title: 'icn',
      version: '1.0.0',
      description: 'What can be asked of a node. Every method also takes the reserved params named in x-reserved-params.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ name: 'local', url: 'http://127.0.0.1:5601/rpc' }],
    methods,
    components: { schemas: printer.shared },
    'x-reserved': reservedTexts,
  }
}
