import assert from 'node:assert/strict'
import { connect as connectTo } from 'node:net'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { TestNode } from '../fixture.ts'
import type { OpenDoor } from '../gateway.ts'
import { addressKey, clientAddress, trustedList } from './address.ts'
import { Buckets } from './buckets.ts'
import { NotJson, parseJsonText } from './json.ts'

describe('I-JSON', () => {
  const bad: readonly (readonly [string, string])[] = [
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['__proto__', '{"__proto__":{}}'],
    ['__proto__, escaped', '{"\\u005f_proto__":{}}'],
    ['constructor', '{"constructor":1}'],
    ['half a pair', '"\\ud800"'],
    ['too deep', `${'['.repeat(40)}${']'.repeat(40)}`],
    ['trailing comma', '[1,]'],
    ['a comment', '[1/*x*/]'],
    ['leading zero', '01'],
    ['infinite', '1e999'],
    ['something after', '{} {}'],
    ['nothing', ''],
    ['a control character', '"\u0001"'],
    ['NaN', 'NaN'],
    ['cut', '{"a":'],
  ]
  for (const [name, text] of bad) test(`refuses ${name}`, () => assert.throws(() => parseJsonText(text), NotJson))
  test('reads what is well', () => assert.deepEqual(parseJsonText(' {"a":[1,-2.5e3,"\\u00e9\\"",null,true],"b":{}} '), { a: [1, -2500, 'é"', null, true], b: {} }))
})

describe('rate limits', () => {
  test('the twenty-first call of a burst of sign-ins waits, and the wait is right', () => {
    let now = 0
    const buckets = new Buckets({ now: () => now, ratePermille: 1_000 })
    for (let i = 0; i < 20; i++) assert.ok(buckets.take('auth', ['a']).ok)
    const refused = buckets.take('auth', ['a'])
    assert.equal(refused.ok, false)
    assert.equal(refused.retryAfterMs, 500)
    now += 500
    assert.ok(buckets.take('auth', ['a']).ok)
    assert.ok(buckets.take('auth', ['b']).ok)
  })

  test('nothing is taken when one of two buckets is empty', () => {
    const buckets = new Buckets({ now: () => 0, ratePermille: 1_000 })
    for (let i = 0; i < 5; i++) buckets.take('heavy', ['me'])
    assert.equal(buckets.take('heavy', ['me', 'address']).ok, false)
    assert.equal(buckets.take('heavy', ['address']).remaining, 4)
  })

  test('keys are bounded', () => {
    const buckets = new Buckets({ now: () => 0, ratePermille: 1_000 })
    for (let i = 0; i < 100_100; i++) buckets.take('public', [String(i)])
    assert.equal(buckets.size, 100_000)
  })

  test('addresses: proxies are believed only when they are trusted', () => {
    const list = trustedList(['10.0.0.0/8', '::1'])
    assert.equal(clientAddress('203.0.113.9', { 'x-forwarded-for': '1.2.3.4' }, list), '203.0.113.9')
    assert.equal(clientAddress('10.0.0.1', { 'x-forwarded-for': '6.6.6.6, 198.51.100.7, 10.0.0.2' }, list), '198.51.100.7')
    assert.equal(clientAddress('10.0.0.1', { forwarded: 'for=6.6.6.6, for="[2001:db8::7]:4711"' }, list), '2001:db8::7')
    assert.equal(clientAddress('::ffff:203.0.113.9', {}, list), '203.0.113.9')
    assert.equal(clientAddress('10.0.0.1', { 'x-forwarded-for': 'nonsense' }, list), '10.0.0.1')
    assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
    assert.equal(addressKey('2001:db8::1'), '2001:db8:0:0::/64')
  })
})

describe('over HTTP', () => {
  let node: TestNode
  let door: OpenDoor
  before(async () => {
    node = new TestNode({ corsOrigins: ['https://friend.example'] })
    await node.found()
    door = await node.gateway()
  })
  after(async () => {
    await door.close()
    await node.journal.close()
    assert.deepEqual(node.internals, [])
  })
  const get = (path: string, init: RequestInit = {}) => fetch(door.address + path, init)
  const ask = async (path: string, body: unknown): Promise<{ status: number; json: any }> => {
    const response = await get(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, json: await response.json() }
  }
  const raw = (path: string, headers: Record<string, string>, method = 'GET'): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(door.address)
      const sent = request({ hostname, port, path, method, headers }, (response) => {
        let body = ''
        response.on('data', (part) => (body += part)).on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      })
      sent.on('error', reject).end()
    })

  test('security headers stand on everything, errors included', async () => {
    for (const path of ['/v1/about', '/v1/nothing', '/v1/me', '/codes/NOT_FOUND', '/healthz']) {
      const { headers } = await get(path)
      for (const name of [
        'content-security-policy',
        'x-content-type-options',
        'referrer-policy',
        'cross-origin-opener-policy',
        'cross-origin-resource-policy',
        'permissions-policy',
        'x-frame-options',
        'request-id',
      ])
        assert.ok(headers.has(name), `${path} ${name}`)
      assert.equal(headers.has('server'), false)
      assert.equal(headers.has('strict-transport-security'), false)
    }
  })

  test('another host name is refused: it may be another site’s name pointed here', async () => {
    const { status, body } = await raw('/v1/about', { host: 'evil.example' })
    assert.equal(status, 403)
    assert.equal(JSON.parse(body).code, 'HOST_NOT_ALLOWED')
  })

  test('a foreign origin may not write, and a listed one may', async () => {
    const foreign = await get('/v1/auth/challenge', { method: 'POST', headers: { origin: 'https://evil.example', 'content-type': 'application/json' }, body: '{}' })
    assert.equal(foreign.status, 403)
    assert.equal(foreign.headers.get('access-control-allow-origin'), null)
    const friend = await get('/v1/about', { headers: { origin: 'https://friend.example' } })
    assert.equal(friend.headers.get('access-control-allow-origin'), 'https://friend.example')
    assert.match(friend.headers.get('vary') ?? '', /Origin/)
  })

  test('unknown paths, methods and the nearest one that exists', async () => {
    const unknown = await get('/v1/abuot')
    assert.equal(unknown.status, 404)
    assert.equal(((await unknown.json()) as any).params.nearest, '/v1/about')
    const method = await get('/v1/about', { method: 'DELETE' })
    assert.equal(method.status, 405)
    assert.match(method.headers.get('allow') ?? '', /GET, HEAD/)
    const options = await get('/v1/about', { method: 'OPTIONS' })
    assert.equal(options.status, 204)
    assert.equal((await get('/v1/about', { method: 'HEAD' })).status, 200)
  })

  test('bodies: type, size, JSON, unknown field, depth', async () => {
    const post = (body: string, type = 'application/json') => get('/v1/charter/lint', { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal((await post('{}', 'text/plain')).status, 415)
    assert.equal((await post('{')).status, 400)
    const large = await post(`{"charter":{"a":"${'x'.repeat(300_000)}"}}`)
    assert.equal(large.status, 413)
    assert.equal(((await large.json()) as any).params.limit, 262_144)
    const unknown = (await (await post('{"charters":{}}')).json()) as any
    assert.deepEqual(unknown.errors.map((error: any) => [error.code, error.in]).sort(), [
      ['FIELD_MISSING', 'body'],
      ['FIELD_UNKNOWN', 'body'],
    ])
    assert.equal(((await (await post(`{"charter":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`)).json()) as any).code, 'BODY_NOT_JSON')
    assert.equal((await get('/v1/charter/lint', { method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: '{}' })).status, 415)
  })

  test('a field that stands twice must agree, whatever it pretends to be', async () => {
    const { status, json } = await ask('/v1/charter/lint?charter=x', { charter: { toString: 0 } })
    assert.equal(status, 400)
    assert.equal(json.code, 'ID_MISMATCH')
  })

  test('addresses and headers have an end', async () => {
    assert.equal((await raw(`/v1/about?x=${'y'.repeat(9_000)}`, {})).status, 414)
    assert.equal((await raw('/v1/about', { 'x-long': 'y'.repeat(17_000) })).status, 431)
    assert.equal((await raw('/v1/coops/%zz', {})).status, 404)
  })

  test('bytes that are not HTTP, and requests that stop half way', async () => {
    const { port } = new URL(door.address)
    const speak = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTo(Number(port), '127.0.0.1', () => socket.end(text))
        let answer = ''
        socket
          .on('data', (part) => (answer += part))
          .on('close', () => resolve(answer))
          .on('error', () => resolve(answer))
      })
    assert.match(await speak('\u0000\u0001\u0002 hello\r\n\r\n'), /^HTTP\/1\.1 400/)
    await speak('POST /v1/charter/lint HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"char')
    assert.equal((await get('/v1/about')).status, 200)
  })

  test('a type that is not offered', async () => {
    const accept = await get('/v1/about', { headers: { accept: 'text/html' } })
    assert.equal(accept.status, 406)
  })

  test('a page for each code, in the reader’s language', async () => {
    const page = await get('/codes/LAST_STEWARD', { headers: { accept: 'text/html', 'accept-language': 'es' } })
    assert.match(page.headers.get('content-type') ?? '', /text\/html/)
    assert.match(await page.text(), /responsable/)
    assert.equal((await get('/codes/NOTHING')).status, 404)
    for (const path of ['/v1/openapi.json', '/v1/openrpc.json', '/.well-known/jwks.json', '/healthz', '/readyz']) assert.equal((await get(path)).status, 200, path)
  })

  test('a burst too many is told when to come again', async () => {
    const strict = new TestNode({ ratePermille: 1_000 })
    await strict.found()
    const opened = await strict.gateway()
    const answers = []
    for (let i = 0; i < 22; i++)
      answers.push(
        await fetch(`${opened.address}/v1/auth/challenge`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-forwarded-for': `1.2.3.${i}` },
          body: JSON.stringify({ did: strict.journal.node }),
        }),
      )
    const refused = answers.filter(({ status }) => status === 429)
    assert.ok(refused.length >= 1)
    assert.equal(refused[0]?.headers.get('retry-after'), '1')
    await opened.close()
    await strict.journal.close()
  })
})
