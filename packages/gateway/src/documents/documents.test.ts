import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { codes, events, methodNames, metrics } from '@icn/protocol'
import { Ajv } from 'ajv'
import { renderCodes, renderMetrics, renderOperations } from './markdown.ts'
import { renderOpenApi } from './openapi.ts'
import { renderOpenRpc } from './openrpc.ts'
import { openRpcMetaSchema } from './openrpc-meta.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

test('the OpenAPI document passes the linter with our rules', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'icn-openapi-'))
  try {
    const file = join(folder, 'openapi.json')
    writeFileSync(file, JSON.stringify(renderOpenApi()))
    await promisify(execFile)(process.execPath, [join(root, 'node_modules/@redocly/cli/bin/cli.js'), 'lint', file, '--config', join(root, 'redocly.yaml'), '--format=stylish'], {
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      cwd: root,
    }).catch((error: { stdout: string; stderr: string }) => assert.fail(`${error.stdout.slice(0, 4_000)}\n${error.stderr.slice(0, 2_000)}`))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the OpenRPC document fits its meta-schema', () => {
  const validate = new Ajv({ strict: false }).compile(openRpcMetaSchema)
  assert.ok(validate(JSON.parse(JSON.stringify(renderOpenRpc()))), JSON.stringify(validate.errors?.slice(0, 5)))
})

test('every row is in both documents, and printing twice gives the same', () => {
  const api = renderOpenApi() as { paths: Record<string, Record<string, { operationId: string }>> }
  const ids = Object.values(api.paths).flatMap((path) => Object.values(path).map(({ operationId }) => operationId))
  assert.deepEqual(ids.sort(), [...methodNames].sort())
  const rpc = renderOpenRpc() as { methods: { name: string }[] }
  assert.deepEqual(rpc.methods.map(({ name }) => name).sort(), [...methodNames].sort())
  assert.equal(JSON.stringify(renderOpenApi()), JSON.stringify(api))
})

test('no schema reference leads nowhere', () => {
  for (const document of [renderOpenApi(), renderOpenRpc()]) {
    const schemas = (document as { components: { schemas: object } }).components.schemas
    for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) assert.ok(Object.hasOwn(schemas, name as string), name)
    assert.ok(!JSON.stringify(document).includes('#/$defs/'))
  }
})

test('the pages name every row, event, code and metric', () => {
  const pages = { operations: renderOperations(), codes: renderCodes(), metrics: renderMetrics() }
  for (const method of methodNames) assert.ok(pages.operations.includes(`\`${method}\``), method)
  for (const type of Object.keys(events)) assert.ok(pages.operations.includes(`\`icn.${type}\``), type)
  for (const code of Object.keys(codes)) assert.ok(pages.codes.includes(`\`${code}\``), code)
  for (const name of Object.keys(metrics)) assert.ok(pages.metrics.includes(`\`${name}\``), name)
})
