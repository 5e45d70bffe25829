import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Row } from '@icn/protocol'
import { z } from 'zod'
import type { OpenDoor } from '../gateway.ts'
import { Person, TestNode } from '../fixture.ts'
import { dispatch, type RpcParts } from './dispatch.ts'

/** The examples of the JSON-RPC 2.0 specification (section 7), against the rows it uses. */

const common = {
  mode: 'read',
  space: 'node',
  access: ['public'],
  cost: 'public',
  output: z.unknown(),
  refuses: [],
  says: 'Test.',
  example: { input: {}, output: null },
  since: '1.0',
} as const
const rows: Readonly<Record<string, Row>> = {
  subtract: { ...common, rest: 'POST /v1/subtract', input: z.strictObject({ minuend: z.int(), subtrahend: z.int() }) },
  sum: { ...common, rest: 'POST /v1/sum', input: z.strictObject({ a: z.int(), b: z.int(), c: z.int() }) },
  update: { ...common, rest: 'POST /v1/update', input: z.strictObject({}) },
  notify_hello: { ...common, rest: 'POST /v1/hello', input: z.strictObject({ n: z.int() }) },
  get_data: { ...common, rest: 'POST /v1/data', input: z.strictObject({}) },
}
const asked: string[] = []
const parts: RpcParts = {
  calls: {
    shape: (method: string) => ({ fields: Object.keys(((rows[method] as Row).input as z.ZodObject).shape), required: new Set(), dids: new Set(), types: {}, items: {} }),
    ask: async (method: string, input: Record<string, number>) => {
      asked.push(method)
      const value = { subtract: () => (input.minuend ?? 0) - (input.subtrahend ?? 0), sum: () => (input.a ?? 0) + (input.b ?? 0) + (input.c ?? 0), get_data: () => ['hello', 5] }[
        method
      ]
      return { as: 'value', value: value?.() ?? null }
    },
  } as unknown as RpcParts['calls'],
  take: () => {},
  operatorRows: true,
  batchMax: 100,
  discover: () => ({ openrpc: '1.3.2' }),
  requestId: 'r1',
  internal: (error) => assert.fail(String(error)),
  monotonic: () => 0,
  deadline: (work) => work,
  rowOf: (method) => rows[method],
}
const nobody = { caller: { operator: false, lang: 'en' } }

/** Answer with the data of errors cut away: the specification knows only number and message, and of those only the number. */
async function speak(request: string): Promise<unknown> {
  const text = await dispatch(parts, Buffer.from(request), nobody)
  const plain = (answer: any) => (answer.error === undefined ? answer : { ...answer, error: answer.error.code })
  const answer = text === null ? null : JSON.parse(text)
  return Array.isArray(answer) ? answer.map(plain) : answer === null ? null : plain(answer)
}

const error = (code: number, id: unknown = null) => ({ jsonrpc: '2.0', error: code, id })
const result = (value: unknown, id: unknown) => ({ jsonrpc: '2.0', result: value, id })

const table: readonly (readonly [name: string, request: string, answer: unknown])[] = [
  ['positional', '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', result(19, 1)],
  ['positional, turned round', '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', result(-19, 2)],
  ['named', '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}', result(19, 3)],
  ['named, another order', '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}', result(19, 4)],
  ['notification', '{"jsonrpc": "2.0", "method": "update", "params": []}', null],
  ['notification of nothing known', '{"jsonrpc": "2.0", "method": "foobar"}', null],
  ['unknown method', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, '1')],
  ['not JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', error(-32700)],
  ['not a request', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', error(-32600)],
  ['batch that is not JSON', '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]', error(-32700)],
  ['empty batch', '[]', error(-32600)],
  ['batch of one that is nothing', '[1]', [error(-32600)]],
  ['batch of three that are nothing', '[1,2,3]', [error(-32600), error(-32600), error(-32600)]],
  [
    'mixed batch',
    `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
    [result(7, '1'), result(19, '2'), error(-32600), error(-32601, '5'), result(['hello', 5], '9')],
  ],
  ['batch of notifications', '[{"jsonrpc": "2.0", "method": "notify_hello", "params": [1]},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]', null],
  ['an id of null is a request', '{"jsonrpc": "2.0", "method": "get_data", "id": null}', result(['hello', 5], null)],
  ['an id that is too large', '{"jsonrpc": "2.0", "method": "get_data", "id": 9007199254740993}', error(-32600)],
  ['an id that is an object', '{"jsonrpc": "2.0", "method": "get_data", "id": {}}', error(-32600)],
  ['another version', '{"jsonrpc": "1.0", "method": "get_data", "id": 1}', error(-32600, 1)],
  ['too many by position', '{"jsonrpc": "2.0", "method": "sum", "params": [1,2,3,4], "id": 1}', error(-32602, 1)],
  ['a reserved name', '{"jsonrpc": "2.0", "method": "rpc.nothing", "id": 1}', error(-32601, 1)],
  ['discovery', '{"jsonrpc": "2.0", "method": "rpc.discover", "id": 1}', result({ openrpc: '1.3.2' }, 1)],
  ['an option of the wrong type', '{"jsonrpc": "2.0", "method": "get_data", "params": {"dry_run": "yes"}, "id": 1}', error(-32602, 1)],
  [
    'meta',
    '{"jsonrpc": "2.0", "method": "get_data", "params": {"meta": true}, "id": 1}',
    result({ value: ['hello', 5], meta: { as_of: null, checkpoint: null, sync: null, etag: null } }, 1),
  ],
]

describe('examples of the JSON-RPC 2.0 specification', () => {
  for (const [name, request, answer] of table) test(name, async () => assert.deepEqual(await speak(request), answer))

  test('a notification is done although nobody is told', async () => {
    asked.length = 0
    await speak('{"jsonrpc": "2.0", "method": "update"}')
    assert.deepEqual(asked, ['update'])
  })

  test('a batch of more than a hundred is one refusal', async () => assert.deepEqual(await speak(`[${Array(101).fill('1').join(',')}]`), error(-32600)))
})

describe('the operator’s door', () => {
  let node: TestNode
  let door: OpenDoor
  before(async () => {
    node = new TestNode()
    await node.found()
    door = await node.rpc()
  })
  after(async () => {
    await door.close()
    await node.journal.close()
    assert.deepEqual(node.internals, [])
  })
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${door.address}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  const rpc = async (method: string, params: object, headers: Record<string, string> = {}) =>
    (await (await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), headers)).json()) as any

  test('answers 200 for errors, 204 when nothing is owed, problems for what is below', async () => {
    assert.equal((await post('{')).status, 200)
    assert.equal((await post('{"jsonrpc":"2.0","method":"node.about"}')).status, 204)
    const other = await fetch(`${door.address}/rpc`)
    assert.equal(other.status, 405)
    assert.equal(other.headers.get('allow'), 'POST')
    assert.equal((await fetch(`${door.address}/rpc`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' })).status, 415)
  })

  test('takes the operator token for operator rows, and says what is missing without one', async () => {
    const without = await rpc('node.status', {})
    assert.equal(without.error.code, -32000)
    assert.equal(without.error.data.code, 'OPERATOR_ONLY')
    const wrong = await rpc('node.status', {}, { authorization: 'Bearer nonsense' })
    assert.equal(wrong.error.data.code, 'UNAUTHENTICATED')
    const status = await rpc('node.status', {}, { authorization: `Bearer ${node.operatorToken}` })
    assert.equal(status.result.state, 'running')
    const about = await rpc('node.about', {}, { authorization: 'Bearer nonsense' })
    assert.equal(about.result.node, node.journal.node)
    // The operator is nobody's author.
    const me = await rpc('me.get', {}, { authorization: `Bearer ${node.operatorToken}` })
    assert.equal(me.error.data.code, 'UNAUTHENTICATED')
  })

  test('a token beside a session opens operator rows, and only here', async () => {
    const gateway = await node.gateway()
    const ada = await new Person('ada', gateway.address).signIn()
    const both = { authorization: `Bearer ${ada.token}`, 'icn-operator': node.operatorToken }
    assert.equal((await rpc('node.status', {}, both)).result.state, 'running')
    assert.equal((await rpc('me.get', {}, both)).result.did, ada.did)
    await gateway.close()
  })

  test('says every wrong field at once, with the nearest name', async () => {
    const { error: problem } = await rpc('coop.list', { limit: 0, ordr: 'asc', scope: 'all' })
    assert.equal(problem.code, -32602)
    assert.equal(problem.data.code, 'INPUT_INVALID')
    assert.deepEqual(problem.data.errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code]).sort(), [
      ['/limit', 'FIELD_OUT_OF_RANGE'],
      ['/ordr', 'FIELD_UNKNOWN'],
      ['/scope', 'FIELD_FORMAT'],
    ])
    const did = await rpc('identity.resolve', { did: 'did:icn:nobody' })
    assert.equal(did.error.data.code, 'DID_INVALID')
    assert.equal(did.error.data.params.reason, 'shape')
  })
})
