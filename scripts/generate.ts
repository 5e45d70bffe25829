import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { charterTemplates } from '@icn/domain'
import { renderCodes, renderMetrics, renderOpenApi, renderOpenRpc, renderOperations } from '@icn/gateway'
import { renderConfigDocument, renderConfigSchema } from '../apps/icnd/src/config/print.ts'

/** Writes what is printed from tables: docs/generated and the digest of the laws. `--check` only compares. */

const root = join(import.meta.dirname, '..')

/** Everything that decides how a journal is folded. Another byte here is another set of rules. */
const lawSources = [
  'packages/domain/src',
  'packages/protocol/src/bodies',
  'packages/protocol/src/engine',
  'packages/protocol/src/canonical.ts',
  'packages/protocol/src/operation.ts',
  'packages/protocol/src/schema.ts',
  'packages/protocol/src/limits.ts',
  'packages/protocol/src/did.ts',
  'packages/protocol/src/statement.ts',
]
const digestFile = 'packages/domain/src/rules-digest.ts'

function* filesOf(path: string): Generator<string> {
  const whole = join(root, path)
  if (path.endsWith('.ts')) {
    yield path
    return
  }
  for (const entry of readdirSync(whole, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inner = `${path}/${entry.name}`
    if (entry.isDirectory()) yield* filesOf(inner)
    else if (/\.ts$/.test(entry.name) && !/\.(test|prop\.test|bench)\.ts$/.test(entry.name) && entry.name !== 'fixture.ts' && inner !== digestFile) yield inner
  }
}

/** Comments and layout do not decide anything, so they do not count. */
function bare(code: string): string {
  return code
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/\s+/g, ' ')
}

function rulesDigest(): string {
  const hash = createHash('sha256')
  for (const source of lawSources) for (const file of filesOf(source)) hash.update(`${file}\n${bare(readFileSync(join(root, file), 'utf8'))}\n`)
  return hash.digest('hex').slice(0, 16)
}

function documents(): ReadonlyMap<string, string> {
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
  return new Map([
    [digestFile, `/** Digest of this set of laws, written by \`./icn generate\`. */\nexport const rulesDigest = '${rulesDigest()}'\n`],
    ['docs/generated/openapi.json', json(renderOpenApi())],
    ['docs/generated/openrpc.json', json(renderOpenRpc())],
    ['docs/generated/operations.md', renderOperations()],
    ['docs/generated/codes.md', renderCodes()],
    ['docs/generated/metrics.md', renderMetrics()],
    ['docs/generated/config.md', renderConfigDocument()],
    ['docs/generated/config.schema.json', json(renderConfigSchema())],
    ...Object.entries(charterTemplates).map(([id, template]) => [`examples/charters/${id}.json`, json(template)] as const),
  ])
}

/** Names of documents that are not what the tables say. */
export function stale(): string[] {
  return [...documents()].filter(([file, text]) => !existsSync(join(root, file)) || readFileSync(join(root, file), 'utf8') !== text).map(([file]) => file)
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = stale()
    for (const file of found) process.stdout.write(`${file} is stale; run ./icn generate\n`)
    if (found.length === 0) process.stdout.write('generated documents are fresh\n')
    process.exitCode = found.length === 0 ? 0 : 1
  } else {
    for (const [file, text] of documents()) {
      mkdirSync(join(root, file, '..'), { recursive: true })
      writeFileSync(join(root, file), text)
      process.stdout.write(`${relative(root, join(root, file))}\n`)
    }
  }
}
