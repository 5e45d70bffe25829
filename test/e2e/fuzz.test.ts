import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { connect as connectSocket } from 'node:net'
import { after, before, test } from 'node:test'
import { bodies, type MethodName, methodNames, restPath, rowOf, type SpaceId } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import { type Answer, type Door, readText } from './doors.ts'
import { type Fields, foundCoop, Person, TestNode } from './harness.ts'

/**
 * Whatever comes through a door of a running node: never a 500, never INTERNAL, never a crash; the doctor finds nothing afterwards, and a
 * restart folds to the same state. ICN_SEED repeats a run, ICN_RUNS makes a longer one.
 */

const seed = Number(process.env['ICN_SEED'] ?? 20_261_121)
const runs = Number(process.env['ICN_RUNS'] ?? 1_200)
const slowMs = 1_000

interface JsonSchema {
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly prefixItems?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
}

// The very library whose schemas these are: what stands at the root of the checkout may be another version.
const { z } = createRequire(new URL('../../packages/protocol/src/index.ts', import.meta.url))('zod')
const schemaOf = (schema: unknown): JsonSchema => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
const inputs = new Map(methodNames.map((method) => [method, schemaOf(rowOf(method).input)]))
const kinds = Object.keys(bodies)
const bodySchemas = new Map(Object.entries(bodies).map(([kind, schema]) => [kind, schemaOf(schema)]))

const strange: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e21,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  ' ',
  'me',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e999',
  '9'.repeat(400),
  '0x10',
  '\u0000',
  'a\u0000b',
  '\u202e\u202d',
  'e\u0301',
  'ﬀ',
  'İ',
  '🜃'.repeat(90),
  '\u{e0041}',
  '\ufeff',
  '\n\r\t',
  'did:icn:',
  'coop:',
  'coop:food:food',
  'commons',
  '../../etc/passwd',
  '%00',
  '%',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  "'; drop table members; --",
  '$' + '{7*7}',
  '<script>',
  [],
  {},
  [[]],
  [null],
  [{}],
  { a: { b: { c: [] } } },
  JSON.parse(`{"then":1}`),
  { toString: 1, valueOf: 2 },
  { length: -1 },
  { type: 'Buffer', data: [1] },
  'A'.repeat(5_000),
  '=1+1',
  '2026-02-30T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '0000-01-01T00:00:00Z',
  '2026-11-21T12:00:00Z',
]

class Fuzzer {
  readonly chance: Chance
  readonly dids: string[] = []
  /** Ids, tokens, cursors and hashes that this node has given out. */
  readonly seen: string[] = ['food', 'coop:food', 'commons', 'coop:none']
  /** Those of them that name operations, charters and checkpoints. */
  readonly ids: string[] = []

  constructor(start: number) {
    this.chance = new Chance(start)
  }

  /** Something that fits the schema, mostly. */
  sample(schema: JsonSchema, name = '', depth = 0): unknown {
    const { chance } = this
    if (schema.const !== undefined) return schema.const
    if (schema.enum !== undefined) return chance.pick(schema.enum)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined) return this.sample(chance.pick(choices), name, depth)
    if (schema.type === 'object' || schema.properties !== undefined) return this.#object(schema, depth)
    if (schema.type === 'array') return Array.from({ length: chance.below(4) }, (_, i) => this.sample(schema.prefixItems?.[i] ?? schema.items ?? {}, name, depth + 1))
    if (schema.type === 'boolean') return chance.chance(0.5)
    // A call that waits as long as it was asked to has done nothing wrong.
    if (name === 'long_poll_ms') return chance.below(30)
    if (schema.type === 'integer' || schema.type === 'number') return this.#number(schema)
    if (schema.type === 'null') return null
    if (schema.type === 'string' || schema.type === undefined) return this.#text(schema, name)
    return chance.pick(strange)
  }

  #object(schema: JsonSchema, depth: number): unknown {
    const { chance } = this
    const made: Record<string, unknown> = {}
    const required = new Set(schema.required)
    for (const [name, field] of Object.entries(schema.properties ?? {})) if (required.has(name) || chance.chance(0.4)) made[name] = this.sample(field, name, depth + 1)
    if ('cursor' in made && chance.chance(0.8)) delete made['cursor']
    if (schema.properties === undefined && chance.chance(0.5)) made[chance.pick(['did', 'name', 'v', 'x'])] = chance.pick(strange)
    return made
  }

  #number({ minimum = 0, maximum = 100 }: JsonSchema): number {
    return this.chance.pick([minimum, maximum, minimum + 1, minimum - 1, maximum + 1, minimum + this.chance.below(Math.max(1, Math.min(maximum - minimum, 1_000_000)))])
  }

  #text(schema: JsonSchema, name: string): string {
    const { chance } = this
    if (schema.format === 'did' || /^(did|author|grantee|key|new_key|invite_key|signer|host)$/.test(name)) return chance.pick(this.dids)
    if (schema.format === 'date-time' || name.endsWith('_at') || name.startsWith('as_of')) return new Date(1_795_000_000_000 + (chance.below(400) - 200) * 86_400_000).toISOString()
    if (name === 'coop_id') return 'food'
    if (name === 'space' || name === 'spaces') return chance.pick(['coop:food', 'coop:food', 'commons'])
    if (name === 'kind') return chance.pick(kinds)
    if (schema.format === 'cid' || /(_id|hash|ref|grant)$/.test(name)) return chance.pick(chance.chance(0.9) && this.ids.length > 0 ? this.ids : this.seen)
    if (/(token|cursor|sid|after)$/.test(name) || name === 'id') return chance.pick(this.seen)
    if (name === 'signature' || name === 'sig') return 'A'.repeat(86)
    if (name === 'roles' || name === 'role') return chance.pick(['member', 'observer', 'steward', 'treasurer', 'facilitator'])
    if (name === 'scopes') return chance.pick([...kinds, 'coop.member.*', 'act.*', 'coop:read', 'coop:write', 'identity:read'])
    if (name === 'csv') return `number,name,joined_at\n${chance.below(90)},${chance.pick(['Ann', '=1', '"', '\u0000', ''])},2020-0${chance.below(10)}-01\n`
    return chance.pick(['x', 'Somebody', 'a b', 'éñ', 'other', 'fraud', 'conduct', 'en', 'Europe/Madrid', '12'])
  }

  /** One leaf replaced, added or taken out. */
  spoil(value: unknown): unknown {
    const { chance } = this
    if (typeof value !== 'object' || value === null || chance.chance(0.15)) return chance.pick(strange)
    const names = Object.keys(value)
    if (Array.isArray(value)) return chance.chance(0.3) ? Array.from({ length: 300 }, () => value[0] ?? null) : value.map((item, i) => (i === 0 ? this.spoil(item) : item))
    if (names.length === 0 || chance.chance(0.2))
      return { ...value, [chance.pick(['stray', 'constructor_', 'dry_run', 'Name', '', ' ', '\u0000', 'a'.repeat(300)])]: chance.pick(strange) }
    const name = chance.pick(names)
    if (chance.chance(0.15)) return Object.fromEntries(Object.entries(value).filter(([other]) => other !== name))
    return { ...value, [name]: this.spoil((value as Record<string, unknown>)[name]) }
  }

  input(method: MethodName): Fields {
    const { chance } = this
    let made = this.sample(inputs.get(method) as JsonSchema)
    if (method === 'act.propose' || method === 'space.simulate') {
      const kind = chance.pick(kinds)
      const body = this.sample(bodySchemas.get(kind) as JsonSchema)
      made = { ...(made as Fields), space: 'coop:food', ...(method === 'act.propose' ? { kind, body } : { drafts: [{ kind, body }] }) }
    }
    for (let spoils = chance.pick([0, 0, 0, 1, 2]); spoils > 0; spoils--) made = this.spoil(made)
    return typeof made === 'object' && made !== null && !Array.isArray(made) ? (made as Fields) : { value: made }
  }

  /** Remembers what an answer gave out, so that it is handed in somewhere. */
  learn(value: unknown, depth = 0): void {
    if (typeof value === 'string') {
      if (/^bafyrei[a-z2-7]{52}$/.test(value) && this.ids.length < 500 && !this.ids.includes(value)) this.ids.push(value)
      else if (value.length > 20 && value.length < 4_000 && this.seen.length < 3_000 && !value.includes(' ') && this.chance.chance(0.3)) this.seen.push(value)
    } else if (typeof value === 'object' && value !== null && depth < 6) for (const inner of Object.values(value)) this.learn(inner, depth + 1)
  }
}

let node: TestNode
const people = new Map<string, Person>()
const fuzzer = new Fuzzer(seed)
const slow: string[] = []
const codes = new Map<string, number>()

/** No answer may be a mistake of ours, however deep inside it stands. */
function demandAnswered(what: string, answer: Pick<Answer, 'status' | 'body' | 'code'>, ms: number): void {
  const text = JSON.stringify(answer.body) ?? ''
  assert.ok(answer.status < 500 || answer.status === 503, `${what}: ${answer.status} ${text.slice(0, 600)}`)
  assert.doesNotMatch(text, /"code":"(INTERNAL|LAW_FAULT|TIMEOUT)"/, what)
  if (ms > slowMs) slow.push(`${what} took ${Math.round(ms)} ms`)
  const code = answer.code ?? 'ok'
  codes.set(code, (codes.get(code) ?? 0) + 1)
}

before(async () => {
  node = await TestNode.start({ stewards: ['Ada', 'Ben'] })
  for (const name of ['Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Fay']) people.set(name, new Person(node, name, (at) => (fuzzer.chance.chance(0.5) ? at.rest : at.rpc)))
  const who = (name: string): Person => people.get(name) as Person
  await foundCoop([
    { person: who('Ada'), roles: ['member', 'steward'] },
    { person: who('Ben'), roles: ['member', 'steward'] },
    { person: who('Chen'), roles: ['member', 'treasurer'] },
    { person: who('Dora'), roles: ['member'] },
    { person: who('Fay'), roles: ['member'] },
  ])
  for (const name of ['Ada', 'Ben', 'Chen'])
    await who(name).must('identity.grant', {
      space: 'coop:food' as SpaceId,
      scopes: ['coop.member.*', 'coop.invite.*', 'coop.entry.*', 'coop.settings.set', 'act.propose'],
      label: 'Elm',
    })
  for (const person of people.values()) fuzzer.dids.push(person.did)
  fuzzer.dids.push(node.at.did)
  fuzzer.learn(await who('Ada').read('coop.get', { coop_id: 'food' }))
  fuzzer.learn(await who('Ada').read('operation.list', { space: 'coop:food' }))
})
after(() => node.dispose())

// Rows after which a person could try nothing more are left to one of them.
const final: ReadonlySet<string> = new Set(['identity.rotate', 'identity.freeze'])

async function once(method: MethodName): Promise<void> {
  const { chance } = fuzzer
  const name = final.has(method) ? 'Fay' : chance.pick(['Ada', 'Ada', 'Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Fay'])
  const person = people.get(name) as Person
  const { mode, match } = rowOf(method)
  const isWrite = mode === 'write'
  const asking = {
    ...(chance.chance(isWrite ? 0.2 : 0.02) ? { dryRun: true } : {}),
    ...(chance.chance(0.2) ? { explain: true } : {}),
    ...(chance.chance(0.03) ? { ifUnchanged: chance.pick(fuzzer.seen).slice(0, 3_000) } : {}),
    ...(chance.chance(0.3) ? { key: `k${chance.below(200)}` } : {}),
    ...(chance.chance(match === undefined ? 0.02 : 0.8) ? { ifMatch: chance.pick(['*', '*', 'x']) } : {}),
    ...(chance.chance(0.05) ? { token: chance.pick([undefined, 'x', 'a.b.c', node.at.operatorToken]) } : {}),
  }
  const input = fuzzer.input(method)
  const started = performance.now()
  const answer = await (isWrite && chance.chance(0.6) ? person.write(method, input, asking) : person.ask(method, input, asking)).catch((error: Error) => {
    // A header that no client can send never reaches the node.
    if (error instanceof TypeError && /header|ByteString/i.test(`${error.message} ${String(error.cause)}`)) return undefined
    // Somebody who has frozen the own identity comes in no more.
    if (/AUTHOR_FROZEN/.test(error.message)) return undefined
    throw error
  })
  if (answer === undefined) return
  demandAnswered(`${name} ${method} ${JSON.stringify(input).slice(0, 500)} ${JSON.stringify(asking).slice(0, 200)}`, answer, performance.now() - started)
  fuzzer.learn(answer.body)
}

test(`every row by both doors, by all sorts of people (seed ${seed})`, { timeout: 120_000 }, async (t) => {
  for (const person of people.values()) await person.signIn()
  const queue = Array.from({ length: Math.ceil(runs / methodNames.length) }, () => fuzzer.chance.shuffle(methodNames)).flat()
  const worker = async (): Promise<void> => {
    for (let method = queue.pop(); method !== undefined; method = queue.pop()) await once(method)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  t.diagnostic(
    `${[...codes]
      .sort((a, b) => b[1] - a[1])
      .map(([code, count]) => `${code} ${count}`)
      .join(', ')}`,
  )
  assert.ok((codes.get('ok') ?? 0) > runs / 10, 'hardly anything got through: the fuzzer is not near enough')
})

test('signed operations with something about them changed', { timeout: 60_000 }, async () => {
  const ada = people.get('Ada') as Person
  for (let i = 0; i < runs / 6; i++) {
    const kind = fuzzer.chance.pick(kinds)
    const sampled = fuzzer.sample(bodySchemas.get(kind) as JsonSchema)
    const drafted = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name: `Ada ${i}` }, { draft: true })
    const [operation] = ada.signed(drafted.body)
    const changed = fuzzer.chance.pick([
      () => fuzzer.spoil(operation),
      () => ({ ...operation, kind, body: sampled }),
      () => ({ ...operation, seq: fuzzer.chance.pick([-1, 0, 1, 2 ** 53, 1.5, '1']) }),
      () => ({ ...operation, at: fuzzer.chance.pick([[0, 0], [1e15, 0], [1, -1], 'x', [2 ** 53, 2 ** 32]]) }),
      () => ({ ...operation, sig: fuzzer.chance.pick(['', 'A'.repeat(86), 'A'.repeat(87), '=']) }),
      () => operation,
    ])()
    const started = performance.now()
    const door = fuzzer.chance.chance(0.5) ? node.rest : node.rpc
    const answer = await door.ask('operation.submit', { operations: [changed, ...(fuzzer.chance.chance(0.2) ? [operation, changed] : [])] }, { token: ada.token })
    demandAnswered(`operation.submit ${String(JSON.stringify(changed)).slice(0, 500)}`, answer, performance.now() - started)
  }
})

/** Sends bytes and reads what comes until the other side closes, or for so long. */
function spoken(door: Door, bytes: string | Uint8Array, ms = 60): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connectSocket(Number(new URL(door.base).port), '127.0.0.1', () => socket.write(bytes))
    const end = (): void => {
      socket.destroy()
      resolve(heard)
    }
    const timer = setTimeout(end, ms)
    socket.on('data', (data) => {
      heard += data.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(heard)
    })
  })
}

test('bytes that are hardly HTTP', { timeout: 60_000 }, async () => {
  const { chance } = fuzzer
  const paths = methodNames.map((method) =>
    restPath(rowOf(method)).replaceAll(/\{[a-z_]+\}/g, () => chance.pick(['food', '%', '%2e%2e%2f', '%ff', 'did%3Aicn%3Ax', '..', '', '__proto__', '🜃', 'a'.repeat(400)])),
  )
  const heads = [
    'Host: localhost',
    'Host: evil.example',
    'Host:',
    'Origin: https://evil.example',
    'Origin: null',
    'Content-Length: -1',
    'Content-Length: 99999999999999',
    'Content-Length: 5\r\nContent-Length: 6',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 4',
    'Content-Type: application/json',
    'Content-Type: application/json; charset=utf-16',
    'Content-Type: text/csv',
    'Content-Encoding: br',
    'Accept: text/plain',
    'Accept: ,;q=,',
    'Accept-Language: \u00ff\u00fe;q=9',
    'Authorization: Bearer',
    'Authorization: Basic QQ==',
    `Authorization: Bearer ${'a'.repeat(9_000)}`,
    'If-Match: "',
    'If-None-Match: *',
    'Idempotency-Key: \u00e9',
    'Prefer: wait=999999',
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Upgrade: h2c',
    'Expect: 100-continue',
    'Last-Event-ID: x',
    'Forwarded: for="[::1]"',
    'X-Forwarded-For: 1.2.3.4',
    `X: ${'y'.repeat(20_000)}`,
  ]
  const jobs = Array.from({ length: Math.ceil(runs / 4) }, () => {
    const verb = chance.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'BREW', 'get'])
    const path = chance.pick([
      ...paths,
      '/rpc',
      '/v1/events',
      '/metrics',
      '/',
      '*',
      'http://evil.example/',
      `/v1/coops?${'a=1&'.repeat(3_000)}`,
      '/v1/coops?limit=%ff',
      '/v1/coops?__proto__=1',
      '/v1/coops?limit=1&limit=2',
      '//',
      '/v1//coops',
      '/v1/coops/',
    ])
    const body = chance.pick(['', '{}', '{"a":', '[[[[', '\u0000\u0001', '4\r\n{}{}\r\n0\r\n\r\n', 'ffffffff\r\n', '"', 'null', '{"__proto__":1}', '\ufeff{}', '5\r\n{"a'])
    const some = chance.shuffle(heads).slice(0, chance.below(5))
    return `${verb} ${path} HTTP/1.1\r\n${[...(chance.chance(0.8) ? ['Host: localhost'] : []), ...some].join('\r\n')}\r\n\r\n${body}`
  })
  const worker = async (door: Door): Promise<void> => {
    for (let bytes = jobs.pop(); bytes !== undefined; bytes = jobs.pop()) {
      const started = performance.now()
      const heard = await spoken(door, Buffer.from(bytes, 'latin1'))
      for (const [, status] of heard.matchAll(/HTTP\/1\.1 (\d{3}) /g))
        assert.ok(Number(status) < 500 || status === '503', `${JSON.stringify(bytes.slice(0, 400))}\n${heard.slice(0, 600)}`)
      assert.doesNotMatch(heard, /"code":"INTERNAL"/, bytes.slice(0, 400))
      if (performance.now() - started > slowMs) slow.push(`${bytes.slice(0, 80)} took ${Math.round(performance.now() - started)} ms`)
    }
  }
  await Promise.all([node.rest, node.rest, node.rpc, node.rest, node.rest, node.rpc, node.rest, node.rest].map(worker))
  for (let i = 0; i < 60; i++) {
    const bytes = Uint8Array.from({ length: chance.below(400) }, () => chance.below(256))
    assert.doesNotMatch(await spoken(chance.pick([node.rest, node.rpc]), bytes, 20), /HTTP\/1\.1 5/)
  }
})

test('batches of JSON-RPC of every shape', { timeout: 60_000 }, async () => {
  const { chance } = fuzzer
  const url = `${node.rpc.base}/rpc`
  for (let i = 0; i < runs / 10; i++) {
    const one = (): unknown => {
      const method = chance.pick([...methodNames, 'rpc.discover', 'rpc.x', '', '__proto__', 'toString', 'constructor'] as const)
      const params = chance.pick([undefined, [], [1, 2, 3], {}, fuzzer.sample(inputs.get(method as MethodName) ?? {}), null, 'x'])
      const request = { jsonrpc: chance.pick(['2.0', '2.0', '2.0', '1.0', 2]), method, params, id: chance.pick([1, 'a', null, undefined, 1e300, {}, [], true, 1.5]) }
      return chance.chance(0.2) ? fuzzer.spoil(request) : request
    }
    const request = chance.chance(0.5) ? one() : Array.from({ length: chance.below(6) }, one)
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(chance.chance(0.5) ? { authorization: `Bearer ${people.get('Emil')?.token}` } : {}) },
      body: JSON.stringify(request),
    })
    const text = await response.text()
    demandAnswered(String(JSON.stringify(request)).slice(0, 400), { status: response.status, body: readText(text), code: undefined }, 0)
    assert.doesNotMatch(text, /"code":-32603/, String(JSON.stringify(request)).slice(0, 400))
  }
})

test('frames of a socket that make no sense', { timeout: 60_000 }, async () => {
  const { chance } = fuzzer
  const ada = people.get('Ada') as Person
  await ada.ask('me.get')
  const hello = JSON.stringify({ type: 'hello', token: ada.token })
  const subscribe = { type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'] }
  const one = async (): Promise<void> => {
    const socket = new WebSocket(`${node.rest.base.replace('http', 'ws')}/v1/events`, 'icn.events.v1')
    const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
    socket.addEventListener('message', ({ data }) => assert.doesNotMatch(String(data), /"code":"INTERNAL"/))
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    const said: (string | Uint8Array<ArrayBuffer>)[] = []
    if (chance.chance(0.7)) said.push(hello)
    for (let i = chance.below(5); i > 0; i--)
      said.push(
        chance.pick([
          () => JSON.stringify(fuzzer.spoil(subscribe)),
          () => JSON.stringify(subscribe),
          () => JSON.stringify({ ...subscribe, after: { 'coop:food': { epoch: chance.pick(fuzzer.seen).slice(0, 60), sequence: chance.below(1_000) } } }),
          () => JSON.stringify(fuzzer.spoil({ type: 'token', token: 'x' })),
          () => '{"__proto__":1}',
          () => '',
          () => 'x'.repeat(chance.pick([10, 60_000, 70_000])),
          () => Uint8Array.from({ length: 40 }, () => chance.below(256)),
          () => hello,
          () => JSON.stringify(chance.pick(strange)) ?? 'null',
        ])(),
      )
    for (const frame of said) if (socket.readyState === WebSocket.OPEN) socket.send(frame)
    if (chance.chance(0.5)) socket.close()
    const code = await Promise.race([closed, new Promise<number>((resolve) => setTimeout(() => resolve(0), 80))])
    socket.close()
    assert.notEqual(code, 1011, JSON.stringify(said).slice(0, 500))
  }
  for (let i = 0; i < runs / 80; i++) await Promise.all(Array.from({ length: 5 }, one))
  const key = 'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  for (let i = 0; i < 40; i++)
    await spoken(node.rest, Buffer.concat([Buffer.from(`GET /v1/events HTTP/1.1\r\n${key}`), Uint8Array.from({ length: chance.below(60) }, () => chance.below(256))]), 30)
})

test('afterwards the node is well, and folds to the same state again', async (t) => {
  await node.healthy()
  const rows = node.rows('coop:food')
  const { journal } = node.at
  t.diagnostic(
    `${journal
      .spaces()
      .map(({ space, operations }) => `${space} ${operations.applied} applied, ${operations.refused} refused`)
      .join('; ')}; seed ${seed}`,
  )
  for (const line of slow) t.diagnostic(`SLOW ${line}`)
  await node.restart()
  await node.healthy()
  for (const [key, value] of rows) if (!key.includes('space.checkpoint')) assert.deepEqual(node.rows('coop:food').get(key), value, key)
})
