import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type MethodName, methodNames, pathFields, restMethod, restPath, rowOf, signStatement } from '@icn/protocol'
import fc from 'fast-check'
import { Person, TestNode } from './fixture.ts'
import type { OpenDoor } from './gateway.ts'

/** Whatever comes in: never 500, never a crash, never long. A failing seed is printed and replays. */

let node: TestNode
let door: OpenDoor
let rpc: OpenDoor
let ada: Person

before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
  rpc = await node.rpc()
  ada = await new Person('ada', door.address).signIn()
  await ada.write('POST', '/v1/coops', { id: 'food', name: 'Food Coop', type: 'consumer', min_founders: 1 })
  const { json } = await ada.call('GET', '/v1/coops/food/charter')
  const statement = await signStatement(ada.key, 'charter', { network: json.network, space: 'coop:food', hash: json.hash, coop_id: 'food', version: json.version })
  await ada.write('POST', '/v1/coops/food/charter/sign', { hash: json.hash, signature: Buffer.from(statement.signature).toString('base64url') })
  await ada.write('POST', '/v1/coops/food/activate', {})
  await ada.write('POST', '/v1/spaces/coop:food/grants', { scopes: ['coop.member.*', 'coop.invite.*', 'act.*', 'coop.settings.set', 'coop.entry.*'], label: 'Elm' })
})
after(async () => {
  await door.close()
  await rpc.close()
  await node.calls.jobs.close()
  await node.journal.close()
})

const runs = Number(process.env.ICN_FUZZ_RUNS ?? 300)
// Rows that end the session or the person would leave nothing to try.
const methods = methodNames.filter((method) => !method.startsWith('auth.') && method !== 'identity.freeze' && method !== 'identity.rotate' && method !== 'event.page')

// What came out of the generator may have a toString that is none.
const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')).toWellFormed()

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    ' ',
    'me',
    'food',
    'coop:food',
    'commons',
    'did:icn:',
    '\u202e',
    '\u0000',
    'e\u0301',
    'ﬀ',
    '🜃',
    '../../etc',
    '%00',
    'null',
    '-0',
    '1e400',
    '9007199254740993',
    null,
    true,
    false,
    0,
    -1,
    1.5,
    2 ** 53,
    [],
    {},
    [[]],
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer(),
  fc.double(),
  fc.array(fc.anything({ maxDepth: 2, withNullPrototype: false }), { maxLength: 3 }),
  fc.object({ maxDepth: 2 }),
)

/** The row's own example with some of it replaced: near enough to get past the first check. */
const calls = fc.constantFrom(...methods).chain((method) =>
  fc.record({
    method: fc.constant(method),
    input: fc.dictionary(fc.constantFrom(...Object.keys(rowOf(method).example.input), 'stray'), strange, { maxKeys: 3 }).map((changes) => {
      const base = JSON.parse(JSON.stringify(rowOf(method).example.input).replaceAll(/did:icn:z6Mkkk[A-Za-z0-9]+/g, ada?.did ?? 'me')) as Record<string, unknown>
      return { ...base, ...changes }
    }),
    options: fc.dictionary(fc.constantFrom('dry_run', 'draft', 'explain', 'wait', 'if_unchanged', 'at_least', 'lang'), fc.constantFrom('true', 'false', 'x', ''), { maxKeys: 2 }),
  }),
)

function check(method: MethodName, status: number, body: { code?: string; class?: string } | undefined, tookMs: number): void {
  assert.ok(status < 500 || status === 503 || status === 504, `${method} ${status} ${JSON.stringify(body ?? null).slice(0, 400)}`)
  assert.deepEqual(
    node.internals.map((error) => (error as Error).stack ?? String(error)),
    [],
    method,
  )
  assert.deepEqual(node.faults, [])
  // No measure of speed: input that keeps a node busy for so long is a weapon.
  assert.ok(tookMs < 20_000, `${method} took ${tookMs} ms`)
}

test('every row over REST, with inputs that are almost right', async () => {
  await fc.assert(
    fc.asyncProperty(calls, async ({ method, input, options }) => {
      const row = rowOf(method)
      const inPath = pathFields(row.rest)
      const path = restPath(row).replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(textOf(input[name]) || 'x'))
      const rest = Object.entries(input).filter(([name]) => !inPath.includes(name))
      const verb = restMethod(row)
      const query = new URLSearchParams(options)
      if (verb === 'GET') for (const [name, value] of rest) query.append(name, textOf(value))
      const from = performance.now()
      const { status, json } = await ada
        .call(verb, `${path}?${query}`, verb === 'GET' ? undefined : Object.fromEntries(rest), { 'if-match': '*' })
        .catch((error) => assert.fail(`${method} ${path}: ${error}`))
      check(method, status, json, performance.now() - from)
    }),
    { numRuns: runs },
  )
})

test('every row over JSON-RPC, with inputs that are almost right', async () => {
  await fc.assert(
    fc.asyncProperty(calls, async ({ method, input, options }) => {
      const from = performance.now()
      const params = { ...input, ...Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value === 'true' ? true : value])) }
      const response = await fetch(`${rpc.address}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.token}`, 'icn-operator': node.operatorToken },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      })
      assert.equal(response.status, 200)
      const { error } = (await response.json()) as { error?: { code: number; data: { code: string } } }
      check(method, error?.code === -32603 ? 500 : 200, error?.data, performance.now() - from)
    }),
    { numRuns: runs },
  )
})

test('bytes of no sort at all, at every door', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('/v1/coops', '/v1/operations', '/v1/charter/lint', '/v1/auth/challenge', '/v1/auth/verify', '/v1/me/devices'),
      async (bytes, path) => {
        for (const url of [`${door.address}${path}`, `${rpc.address}/rpc`]) {
          const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.token}` }, body: bytes as BodyInit })
          await response.arrayBuffer()
          check('node.about', response.status, undefined, 0)
        }
      },
    ),
    { numRuns: Math.ceil(runs / 3) },
  )
})
