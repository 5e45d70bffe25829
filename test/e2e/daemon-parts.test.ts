import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { actorInCharge } from '@icn/node'
import { openSqliteStore } from '@icn/journal'
import { decodeTrusted, encodeTrusted } from '@icn/protocol'
import { Home, nodeAt } from './daemon.ts'
import type { Door } from './doors.ts'
import { didOf, foundCoop, keyOf, passphrase, Person, TestNode, until } from './harness.ts'

/** What the daemon does when a part of it fails or has too much to do, and what it tells and does not tell about itself. */

const dayMs = 86_400_000
const slow = promisify(pbkdf2)

const figure = async (base: string, series: string): Promise<number> => {
  const text = await (await fetch(`${base}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.split(' ')[1])
}

interface SignedIn {
  readonly access_token: string
  readonly refresh_token: string
  readonly sid: string
}

async function challenged(door: Door, name: string, signer = name) {
  const { challenge, message } = (await door.ask('auth.challenge', { did: didOf(name), signer: didOf(signer) })).body
  return { challenge, signature: Buffer.from(keyOf(signer).sign(new TextEncoder().encode(message))).toString('base64url') }
}

async function signIn(door: Door, name: string, signer = name): Promise<SignedIn> {
  const { ok, body } = await door.ask('auth.verify', await challenged(door, name, signer))
  assert.ok(ok, JSON.stringify(body))
  return body
}

describe('an actor that crashes', () => {
  let node: TestNode
  before(async () => {
    node = await TestNode.start({ flags: { 'supervisor.restart_initial_delay_ms': '3000' } })
  })
  after(() => node.dispose())

  const crash = (name: 'coop' | 'gateway' | 'journal'): void => actorInCharge.run(name, () => node.at.supervisor.lost(new Error('a promise that nobody waited for')))
  const readiness = async (): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${node.at.addresses.metrics}/readyz`)
    return { status: response.status, text: await response.text() }
  }

  it('is started again and counted; meanwhile readiness names it and its callers are told when to come back', async () => {
    const ada = await new Person(node, 'ada').signIn()
    crash('coop')
    assert.deepEqual(await readiness(), { status: 503, text: 'coop\nlast proven restore: never\n' })
    const down = await ada.ask('coop.list')
    assert.deepEqual([down.status, down.code, down.headers.get('retry-after')], [503, 'ACTOR_DOWN', '1'])
    assert.equal((await ada.ask('me.get')).status, 200, 'the others go on')
    assert.equal(await figure(node.at.addresses.metrics as string, 'icn_supervisor_actor_active{actor="coop"}'), 0)
    await until('coop to be up again', async () => (await readiness()).status === 200)
    assert.equal((await ada.ask('coop.list')).status, 200)
    assert.equal(await figure(node.at.addresses.metrics as string, 'icn_supervisor_actor_restarts_total{actor="coop"}'), 1)
    assert.equal(await figure(node.at.addresses.metrics as string, 'icn_supervisor_errors_total{operation="actor"}'), 1)
    const { body } = await node.rpc.ask('node.status', {}, { token: node.at.operatorToken })
    assert.deepEqual(
      body.actors.filter(({ restarts }: { restarts: number }) => restarts > 0).map(({ name, state }: { name: string; state: string }) => [name, state]),
      [['coop', 'running']],
    )
  })

  it('that is a door opens again, and old sessions hold there', async () => {
    const ada = await new Person(node, 'ada').signIn()
    crash('gateway')
    await until('the gateway to be up again', async () => (await readiness()).status === 200)
    assert.equal((await ada.ask('me.get')).status, 200)
  })

  it('that holds the journal ends the daemon, with everything that was acknowledged', async () => {
    const ada = new Person(node, 'ada')
    await foundCoop([
      { person: ada, roles: ['member', 'steward'] },
      { person: new Person(node, 'ben'), roles: ['member', 'steward'] },
      { person: new Person(node, 'chen'), roles: ['member'] },
    ])
    const acknowledged = node.knownIds()
    crash('journal')
    assert.deepEqual(node.fatal.splice(0), ['journal crashed'])
    await node.restart()
    const found = node.knownIds()
    for (const id of acknowledged) assert.ok(found.has(id), id)
    assert.equal((await ada.read('coop.get', { coop_id: 'food' })).status, 'active')
    await node.healthy()
  })
})

describe('a full mailbox', () => {
  it('answers 503 with when to come back, counts it, and whoever comes back is served', async (t) => {
    const node = await TestNode.start({ flags: { 'supervisor.mailbox_count': '1' } })
    t.after(() => node.dispose())
    const refusals = { REST: 0, 'JSON-RPC': 0 }
    for (const door of [node.rest, node.rpc]) {
      const asked = []
      for (let i = 0; i < 12; i++) asked.push(await challenged(door, `guest ${i}`))
      // Tokens are signed on the threads that do this: the first sign-in keeps its turn until they have time.
      const busy = Array.from({ length: 4 }, () => slow('a', 'b', 200_000, 64, 'sha512'))
      let waiting = asked
      while (waiting.length > 0) {
        const answers = await Promise.all(waiting.map((one) => door.ask('auth.verify', one)))
        const again = answers.flatMap((answer, i) => (answer.ok ? [] : [{ answer, one: waiting[i] as (typeof waiting)[number] }]))
        for (const { answer } of again) {
          assert.deepEqual([answer.status, answer.code], [503, 'MAILBOX_FULL'])
          assert.equal(answer.body.retry.after_ms, 250)
          if (door.name === 'REST') assert.equal(answer.headers.get('retry-after'), '1')
          refusals[door.name as 'REST'] += 1
        }
        assert.ok(again.length < waiting.length, 'somebody is always served')
        waiting = again.map(({ one }) => one)
      }
      await Promise.all(busy)
    }
    assert.ok(refusals.REST > 0 && refusals['JSON-RPC'] > 0, JSON.stringify(refusals))
    const rejected = await figure(node.at.addresses.metrics as string, 'icn_supervisor_mailbox_rejected_total{actor="identity"}')
    assert.equal(rejected, refusals.REST + refusals['JSON-RPC'])
    await node.healthy()
  })
})

describe('sessions that were ended', () => {
  let home: Home
  before(async () => {
    home = await Home.make()
  })
  after(() => home.dispose())

  it('stay ended when the daemon is killed right after the answer', async () => {
    const first = await home.open()
    const door = first.rest
    const [left, listed, kept] = [await signIn(door, 'ada'), await signIn(door, 'ada'), await signIn(door, 'ada')]
    const used = await challenged(door, 'ada')
    assert.ok((await door.ask('auth.verify', used)).ok)
    assert.equal((await door.ask('auth.logout', {}, { token: left.access_token })).body.ended, 1)
    assert.equal((await door.ask('auth.sessions.end', { sid: listed.sid }, { token: kept.access_token })).body.ended, 1)
    first.running.child.kill('SIGKILL')
    await first.running.end()

    const second = await home.open()
    for (const { access_token, refresh_token } of [left, listed]) {
      for (const again of [second.rest, second.rpc]) {
        const answer = await again.ask('me.get', {}, { token: access_token })
        assert.deepEqual([answer.status, answer.code], [401, 'TOKEN_REVOKED'])
        assert.equal((await again.ask('auth.refresh', { refresh_token })).status, 401)
      }
    }
    assert.equal((await second.rest.ask('auth.verify', used)).code, 'CHALLENGE_INVALID')
    assert.equal((await second.rest.ask('me.get', {}, { token: kept.access_token })).status, 200)
    assert.equal((await second.rest.ask('auth.refresh', { refresh_token: kept.refresh_token })).status, 200)
    second.running.child.kill('SIGTERM')
    assert.equal((await second.running.end()).code, 0)
  })

  it('by revoking their device stay ended as well, and so when only JSON-RPC is open', async () => {
    const first = await home.open({ 'gateway.enabled': 'false' })
    const node = await nodeAt(first)
    const byRpc = (): Door => first.rpc
    const [ada, ben, chen] = ['ada', 'ben', 'chen'].map((name) => new Person(node, name, byRpc)) as [Person, Person, Person]
    await foundCoop([
      { person: ada, roles: ['member', 'steward'] },
      { person: ben, roles: ['member', 'steward'] },
      { person: chen, roles: ['member'] },
    ])
    await ada.must('device.add', { grantee: didOf('phone'), label: 'Phone', days: 30, spaces: ['coop:food'] })
    const phone = await signIn(first.rpc, 'ada', 'phone')
    assert.equal((await first.rpc.ask('me.get', {}, { token: phone.access_token })).status, 200)
    const revoked = await ada.write('device.revoke', { did: didOf('phone'), reason: 'lost' })
    assert.ok(revoked.ok, JSON.stringify(revoked.body))
    const { body } = await ada.ask('auth.sessions.list')
    assert.equal(
      body.items.some(({ sid }: SignedIn) => sid === phone.sid),
      false,
      'ended, not only refused',
    )
    first.running.child.kill('SIGKILL')
    await first.running.end()
    const second = await home.open()
    assert.equal((await second.rest.ask('me.get', {}, { token: phone.access_token })).status, 401)
    assert.equal((await second.rest.ask('auth.refresh', { refresh_token: phone.refresh_token })).status, 401)
    assert.equal((await second.rest.ask('auth.verify', await challenged(second.rest, 'ada', 'phone'))).code, 'CHALLENGE_INVALID')
  })
})

describe('what the daemon writes', () => {
  let home: Home
  before(async () => {
    home = await Home.make()
  })
  after(() => home.dispose())

  it('holds no secret and nothing that came over the network, at debug', async () => {
    const daemon = await home.open({ 'log.level': 'debug' })
    const { running, rest, rpc } = daemon
    const node = await nodeAt(daemon)
    let marks = 0
    const mark = (): string => `Marked${++marks}xQ`
    const operatorToken = readFileSync(join(home.folder, 'operator.token'), 'utf8').trim()
    const secrets = [passphrase, operatorToken]

    // As a member: names, statements, reasons.
    const [ada, ben, chen] = ['ada', 'ben', 'chen'].map((name) => new Person(node, name)) as [Person, Person, Person]
    await foundCoop([
      { person: ada, roles: ['member', 'steward'] },
      { person: ben, roles: ['member', 'steward'] },
      { person: chen, roles: ['member'] },
    ])
    await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: mark() })
    const { charter_hash } = await ada.read('coop.get', { coop_id: 'food' })
    const dora = new Person(node, 'dora')
    await dora.must('coop.apply', { coop_id: 'food', charter_hash, name: mark(), statement: mark() })
    await ada.must('coop.decline_member', { coop_id: 'food', did: dora.did, reason: mark() })
    await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name: mark() }, { key: mark() })
    await ada.write('coop.update_profile', { coop_id: 'food', did: ada.did, name: mark(), [mark()]: mark() })
    await ada.ask('coop.list_members', { coop_id: 'food', cursor: mark() })
    const session = await signIn(rest, 'ada')
    await rest.ask('auth.refresh', { refresh_token: session.refresh_token })
    secrets.push(session.access_token, session.refresh_token, ada.token as string)

    // As anybody: paths, queries, headers, tokens, bodies, frames, bytes that are no HTTP.
    for (const base of [rest.base, rpc.base, daemon.metrics]) {
      const json = { 'content-type': 'application/json' }
      const tries: [string, RequestInit][] = [
        [`/v1/${mark()}`, {}],
        [`/v1/coops/${mark()}?${mark()}=${mark()}`, {}],
        [`/v1/coops/%${mark()}`, {}],
        ['/v1/me', { headers: { authorization: `Bearer ${mark()}` } }],
        ['/v1/me', { headers: { authorization: `Bearer ${session.access_token.slice(0, -3)}${mark()}` } }],
        ['/v1/about', { headers: { [`x-${mark()}`]: mark(), 'user-agent': mark(), 'accept-language': mark(), origin: `http://${mark()}.example`, traceparent: mark() } }],
        ['/v1/auth/challenge', { method: 'POST', headers: json, body: `{"did":"${mark()}"` }],
        ['/v1/auth/challenge', { method: 'POST', headers: json, body: JSON.stringify({ did: mark() }) }],
        ['/v1/auth/verify', { method: 'POST', headers: json, body: JSON.stringify({ challenge: mark(), signature: mark() }) }],
        ['/v1/auth/refresh', { method: 'POST', headers: json, body: JSON.stringify({ refresh_token: mark() }) }],
        ['/v1/auth/logout', { method: 'POST', headers: { ...json, cookie: `icn_refresh=${mark()}` }, body: '{}' }],
        ['/v1/coops', { method: 'POST', headers: { 'content-type': `text/${mark()}` }, body: mark() }],
        ['/v1/events', { headers: { accept: 'text/event-stream', authorization: `Bearer ${mark()}`, 'last-event-id': mark() } }],
        ['/rpc', { method: 'POST', headers: json, body: mark() }],
        [
          '/rpc',
          {
            method: 'POST',
            headers: { ...json, authorization: `Bearer ${mark()}` },
            body: JSON.stringify({ jsonrpc: '2.0', id: mark(), method: mark(), params: { [mark()]: mark() } }),
          },
        ],
        [
          '/rpc',
          {
            method: 'POST',
            headers: { ...json, 'icn-operator': mark() },
            body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'node.status', params: { idempotency_key: mark() } }),
          },
        ],
      ]
      for (const [path, init] of tries) await (await fetch(base + path, init)).text()
      await new Promise<void>((resolve) => {
        const socket = createConnection(Number(new URL(base).port), '127.0.0.1', () => socket.write(`${mark()} ${mark()}\r\n\r\n`))
        socket
          .on('close', () => resolve())
          .on('error', () => {})
          .resume()
      })
    }
    for (const frame of [mark(), JSON.stringify({ type: 'hello', token: mark() }), JSON.stringify({ type: mark() })]) {
      const socket = new WebSocket(`${rest.base.replace('http', 'ws')}/v1/events`, 'icn.events.v1')
      socket.addEventListener('open', () => socket.send(frame))
      await new Promise((resolve) => socket.addEventListener('close', resolve))
    }
    running.child.kill('SIGTERM')
    assert.equal((await running.end()).code, 0)
    const written = running.out + running.errors
    assert.ok(marks > 50)
    const operations = running.lines.filter(({ event }) => event === 'operation')
    assert.ok(operations.some(({ kind, outcome }) => kind === 'coop.found' && outcome === 'applied'))
    assert.ok(operations.some(({ kind, outcome }) => kind === 'coop.member.profile' && outcome === 'applied'))
    assert.deepEqual(written.match(/Marked\d+xQ/gi), null)
    for (const secret of secrets) assert.equal(written.includes(secret), false, 'a secret was written')
    for (const { did } of [ada, ben, chen, dora]) assert.equal(written.includes(did), false, 'a person was named')
    for (const line of running.out.split('\n').filter((text) => text !== '')) assert.doesNotThrow(() => JSON.parse(line), `not a line of the log: ${line}`)
  })
})

describe('metrics', () => {
  it('pass promtool after a day of use', async (t) => {
    const node = await TestNode.start({ startsAt: Date.now() - dayMs })
    t.after(() => node.dispose())
    await foundCoop(['ada', 'ben', 'chen'].map((name) => ({ person: new Person(node, name), roles: ['member', ...(name === 'chen' ? [] : ['steward'])] })))
    node.now += dayMs
    for (const door of [node.rest, node.rpc]) await door.ask('coop.get', { coop_id: 'nowhere' })
    const response = await fetch(`${node.at.addresses.metrics}/metrics`)
    assert.equal(response.status, 200)
    const text = await response.text()
    assert.match(text, /^icn_coop_coops\{status="active"\} 1$/m)
    const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      assert.notEqual(process.env['CI'], 'true', 'promtool is part of every CI run')
      t.diagnostic('promtool is not installed: the metrics were not checked')
      return
    }
    assert.equal(status, 0, stdout + stderr)
    assert.equal(stdout + stderr, '')
  })
})

describe('a space whose rules this release does not have', () => {
  it('is listed, and every call in it says which rules it follows; nothing else suffers', async (t) => {
    const node = await TestNode.start()
    t.after(() => node.dispose())
    const ada = new Person(node, 'Ada', (at) => at.rest)
    await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
    await foundCoop([{ person: ada, roles: ['member', 'steward'] }], 'garden')
    await node.stop()
    const store = openSqliteStore({ folder: join(node.folder, 'store') })
    for (const [key, value] of store.range('spaces', '')) {
      const record = decodeTrusted(value) as { readonly space: string }
      if (record.space === 'coop:food') store.write([{ map: 'spaces', key, value: encodeTrusted({ ...record, rules: '0-of-another-release' } as never) }])
    }
    store.close()
    await node.open()

    for (const answer of [
      await ada.ask('coop.get_member', { coop_id: 'food', did: ada.did }),
      await ada.ask('coop.add_member', { coop_id: 'food', did: didOf('Ben'), name: 'Ben' }),
      await ada.ask('coop.get', { coop_id: 'food' }),
      await ada.ask('operation.list', { space: 'coop:food' }),
    ]) {
      assert.deepEqual([answer.code, answer.status], ['RULES_UNSUPPORTED', 409], JSON.stringify(answer.body))
      assert.equal(answer.body.params.found, '0-of-another-release')
    }
    assert.equal((await ada.ask('coop.get', { coop_id: 'absent' })).code, 'NOT_FOUND')
    assert.equal((await ada.read('coop.get', { coop_id: 'garden' })).coop_id, 'garden')
    const listed = await node.rpc.ask('space.list', {}, { token: node.at.operatorToken })
    assert.deepEqual(
      listed.body.items.map(({ space, read_only }: { space: string; read_only: boolean }) => [space, read_only]),
      [
        ['commons', false],
        ['coop:food', true],
        ['coop:garden', false],
      ],
    )
  })
})
