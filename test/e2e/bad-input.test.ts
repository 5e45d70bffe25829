import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type MethodName, sealOperation, type SpaceId, toBase64Url, utf8 } from '@icn/protocol'
import { signedJson } from '@icn/node'
import type { Answer, Asking, Door } from './doors.ts'
import { dayMs, didOf, type Fields, foundCoop, keyOf, Person, TestNode } from './harness.ts'

/** Another letter near the end, never the same and never only in bits that mean nothing. */
const altered = (text: string): string => `${text.slice(0, -3)}${text.at(-3) === 'A' ? 'B' : 'A'}${text.slice(-2)}`

/** Bad input: each with its own code and status at both doors, and nothing written. */

const food = 'coop:food' as SpaceId

/** Ada and Ben are stewards, Chen keeps the register, Dora is a plain member; the coop `bread` is still being founded. */
async function openHouse(door: (at: TestNode) => Door): Promise<{ node: TestNode; who: (name: string) => Person }> {
  const node = await TestNode.start({ startsAt: 1_795_000_000_000 })
  const people = new Map(['Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Mallory'].map((name) => [name, new Person(node, name, door)]))
  const who = (name: string): Person => people.get(name) as Person
  const founders = [
    { person: who('Ada'), roles: ['member', 'steward'] },
    { person: who('Ben'), roles: ['member', 'steward'] },
    { person: who('Chen'), roles: ['member', 'treasurer'] },
    { person: who('Dora'), roles: ['member'] },
  ]
  await foundCoop(founders)
  await foundCoop([{ person: who('Dora'), roles: ['member', 'steward'] }], 'garden')
  const named = founders.slice(0, 3).map(({ person, roles }) => ({ did: person.did, name: person.name, roles }))
  const bread = await who('Ada').must('coop.create', { id: 'bread', name: 'Bread Coop', type: 'consumer', founders: named })
  const hash = bread.value.charter_hash
  await who('Ada').must('coop.sign_charter', { coop_id: 'bread', hash, signature: who('Ada').charterSignature('bread', hash) })
  return { node, who }
}

for (const [doorName, door] of [['REST', (at: TestNode) => at.rest] as const, ['JSON-RPC', (at: TestNode) => at.rpc] as const]) {
  describe(`bad input by ${doorName}`, () => {
    let node: TestNode
    let who: (name: string) => Person
    before(async () => {
      ;({ node, who } = await openHouse(door))
    })
    after(() => node.dispose())

    const member = (name: string): Fields => ({ coop_id: 'food', did: didOf(name) })

    /** The answer has this code and status, and no space holds anything else than before. */
    async function refused(expected: readonly [code: string, status: number], ask: () => Promise<Answer>): Promise<any> {
      const quiet = node.print()
      const answer = await ask()
      assert.deepEqual([answer.code, answer.status], expected, JSON.stringify(answer.body))
      assert.equal(node.print(), quiet, `${expected[0]}: something was written`)
      return answer.body
    }

    /** In every way to write: tried dry it says so, drafted and plain it is refused. */
    async function refusedEachWay(expected: readonly [code: string, status: number], person: Person, method: MethodName, input: Fields, asking: Asking = {}): Promise<any> {
      const quiet = node.print()
      const dry = await person.ask(method, input, { ...asking, dryRun: true })
      const said = dry.ok ? dry.body.decision.checks.find((check: { result: string }) => check.result === 'fail')?.code : dry.code
      assert.equal(said, expected[0], `dry: ${JSON.stringify(dry.body)}`)
      assert.equal(node.print(), quiet)
      return refused(expected, () => person.ask(method, input, { ...asking, draft: true }))
    }

    /** An operation as a client that knows no shame would sign it. */
    function rawly(person: Person, kind: string, body: Fields, more: { key?: string; signer?: string; space?: string; grant?: string; genesis?: null } = {}) {
      const signer = didOf(more.signer ?? person.name)
      const { envelope, body: bytes } = node.at.journal.draft({
        space: (more.space ?? food) as SpaceId,
        kind,
        author: person.did,
        signer,
        grant: (more.grant ?? null) as never,
        body,
        ...(more.genesis === null ? { genesis: null } : {}),
      })
      const operation = sealOperation(envelope, bytes, (message) => keyOf(more.key ?? more.signer ?? person.name).sign(message))
      return signedJson(operation)
    }

    async function submit(person: Person, operation: unknown): Promise<Answer> {
      const answer = await person.ask('operation.submit', { operations: [operation] })
      const problem = answer.body.results?.[0]?.problem
      return problem === undefined || problem === null ? answer : { ...answer, ok: false, status: problem.status, code: problem.code, body: problem }
    }

    test('a coop id that exists', async () => {
      await refusedEachWay(['ALREADY_FOUNDED', 409], who('Ben'), 'coop.create', { id: 'food', name: 'Other', type: 'consumer' })
      await refused(['ALREADY_FOUNDED', 409], () => who('Ben').ask('coop.create', { id: 'food', name: 'Other', type: 'consumer' }, { key: 'again' }))
      const found = node.at.journal.operations(food, { limit: 1 })[0]?.body as Fields
      const other = rawly(who('Ada'), 'coop.found', { ...found, nonce: new Uint8Array(16).fill(9) }, { genesis: null })
      await refused(['ALREADY_FOUNDED', 409], () => who('Ada').ask('coop.create', { signed: other }))
      await refused(['FOUNDING_CLOSED', 403], () => submit(who('Ada'), other))
    })

    test('a DID that is none, and a DID in another spelling', async () => {
      const good = didOf('Emil')
      const bad = [
        'did:icn:nonsense',
        'Emil',
        '',
        `${good} `,
        good.replace('did:icn:', 'DID:ICN:'),
        good.replace('did:icn:z', 'did:icn:Z'),
        good.replace('did:icn:', 'did:key:'),
        `${good}#root`,
        good.slice(0, -1),
        `${good.slice(0, -1)}0`,
      ]
      for (const did of bad) {
        const body = await refused(['DID_INVALID', 400], () => who('Ada').ask('coop.add_member', { coop_id: 'food', did, name: 'Emil' }))
        assert.equal(body.errors[0].pointer, '/did')
      }
    })

    test('a forged signature', async () => {
      const profile = { name: 'Somebody' }
      const forged = await refused(['OPERATION_MALFORMED', 400], () => submit(who('Ada'), rawly(who('Ada'), 'coop.member.profile', profile, { key: 'Mallory' })))
      assert.equal(forged.params.reason, 'signature')
      const changed = { ...rawly(who('Ada'), 'coop.member.profile', profile), body: { name: 'Somebody else' } }
      await refused(['OPERATION_MALFORMED', 400], () => submit(who('Ada'), changed))
      const others = rawly(who('Ada'), 'coop.member.profile', profile)
      await refused(['NOT_FOUND', 404], () => submit(who('Mallory'), others))
      const { hash } = await who('Ben').read('coop.charter.get', { coop_id: 'bread' })
      await refused(['STATEMENT_KEY', 403], () =>
        who('Ben').ask('coop.sign_charter', { coop_id: 'bread', hash, key: didOf('Mallory'), signature: who('Mallory').charterSignature('bread', hash) }, { draft: true }),
      )
      await refused(['OPERATION_MALFORMED', 400], () =>
        who('Ben').write('coop.sign_charter', { coop_id: 'bread', hash, signature: who('Mallory').charterSignature('bread', hash) }),
      )
    })

    test('a login that is replayed, forged, for somebody else, or too late', async () => {
      const at = door(node)
      const ask = async (): Promise<{ challenge: string; message: string }> => (await at.ask('auth.challenge', { did: didOf('Ada') })).body
      const signed = (message: string, name = 'Ada'): string => toBase64Url(keyOf(name).sign(utf8(message)))
      const first = await ask()
      await refused(['CHALLENGE_INVALID', 401], () => at.ask('auth.verify', { challenge: first.challenge, signature: signed(first.message, 'Mallory') }))
      assert.ok((await at.ask('auth.verify', { challenge: first.challenge, signature: signed(first.message) })).ok, 'a wrong try does not use it up')
      await refused(['CHALLENGE_INVALID', 401], () => at.ask('auth.verify', { challenge: first.challenge, signature: signed(first.message) }))
      await refused(['CHALLENGE_INVALID', 401], () => at.ask('auth.verify', { challenge: altered(first.challenge), signature: signed(first.message) }))
      const late = await ask()
      node.now += 300_001
      await refused(['CHALLENGE_INVALID', 401], () => at.ask('auth.verify', { challenge: late.challenge, signature: signed(late.message) }))
      await refused(['UNAUTHENTICATED', 401], () => at.ask('me.get', {}))
      await refused(['UNAUTHENTICATED', 401], () => at.ask('me.get', {}, { token: 'nothing.of.worth' }))
    })

    test('a permission of a node out of scope and out of time', async () => {
      const granted = await who('Ada').must('identity.grant', { space: food, scopes: ['coop.member.profile'], for_ms: 3_600_000, label: 'Elm' })
      assert.ok((await who('Ada').ask('coop.update_profile', { ...member('Ada'), name: 'Ada A.' })).ok)
      await refused(['NO_GRANT', 403], () => who('Ada').ask('coop.invite.create', { coop_id: 'food', name: 'Emil' }))
      node.now = Date.parse(granted.value.not_after_at)
      await refused(['NO_GRANT', 403], () => who('Ada').ask('coop.update_profile', { ...member('Ada'), name: 'Ada B.' }))
      await refused(['GRANT_TOO_LONG', 422], () => who('Ada').write('identity.grant', { space: food, scopes: ['coop.member.profile'], for_ms: 31 * dayMs, label: 'Elm' }))
      await refused(['NO_STANDING', 403], () => who('Mallory').write('identity.grant', { space: food, scopes: ['coop.member.profile'], label: 'Elm' }))
    })

    test('a device out of scope and out of time', async () => {
      const until = node.now + 2 * dayMs
      const granted = await who('Ada').must('identity.grant', {
        space: food,
        grantee: didOf('phone'),
        grantee_kind: 'device',
        scopes: ['coop.member.profile'],
        not_after_at: new Date(until).toISOString(),
        label: 'Phone',
      })
      const grant = granted.value.grant_id
      const fine = await submit(who('Ada'), rawly(who('Ada'), 'coop.member.profile', { name: 'Ada C.' }, { signer: 'phone', grant }))
      assert.equal(fine.body.results[0].outcome, 'applied', JSON.stringify(fine.body))
      const root = (): string => node.print().replaceAll(/ [0-9a-f]{64} /g, ' ')
      const quiet = root()
      const wide = await submit(who('Ada'), rawly(who('Ada'), 'coop.member.suspend', { did: didOf('Dora'), code: 'other', reason: 'x' }, { signer: 'phone', grant }))
      assert.deepEqual([wide.code, wide.status], ['GRANT_SCOPE', 403], JSON.stringify(wide.body))
      node.now = until
      const late = await submit(who('Ada'), rawly(who('Ada'), 'coop.member.profile', { name: 'Ada D.' }, { signer: 'phone', grant }))
      assert.deepEqual([late.code, late.status], ['GRANT_EXPIRED', 403], JSON.stringify(late.body))
      assert.equal(root(), quiet, 'what a device signs and a law refuses is kept as refused and changes no state')
    })

    test('a wrong charter hash', async () => {
      const { hash: foodHash } = await who('Ada').read('coop.charter.get', { coop_id: 'food' })
      await refusedEachWay(['CHARTER_CHANGED', 409], who('Ben'), 'coop.sign_charter', {
        coop_id: 'bread',
        hash: foodHash,
        signature: who('Ben').charterSignature('bread', foodHash),
      })
      await refusedEachWay(['CHARTER_CHANGED', 409], who('Ada'), 'coop.activate', { coop_id: 'bread', charter_hash: foodHash })
      const { hash: breadHash } = await who('Ada').read('coop.charter.get', { coop_id: 'bread' })
      await refusedEachWay(['CHARTER_CHANGED', 409], who('Emil'), 'coop.apply', { coop_id: 'food', charter_hash: breadHash, name: 'Emil' })
    })

    test('a founder who signs twice is told that it is so already', async () => {
      const { hash } = await who('Ada').read('coop.charter.get', { coop_id: 'bread' })
      const quiet = node.print()
      for (const asking of [{ draft: true }, { dryRun: true }, {}] as const) {
        const again = await who('Ada').ask('coop.sign_charter', { coop_id: 'bread', hash, signature: who('Ada').charterSignature('bread', hash) }, { ...asking, explain: true })
        assert.ok(again.ok, JSON.stringify(again.body))
        assert.equal(again.body.decision.outcome, 'already_done')
        assert.ok(again.body.decision.checks.some((check: { code: string }) => check.code === 'ALREADY_SIGNED'))
        assert.deepEqual(again.body.operations, [])
      }
      assert.equal(node.print(), quiet)
    })

    test('an activation too early, and by somebody who has not signed', async () => {
      await refusedEachWay(['CHARTER_NOT_RATIFIED', 422], who('Ada'), 'coop.activate', { coop_id: 'bread' })
      await refusedEachWay(['NOT_A_FOUNDER', 403], who('Ben'), 'coop.activate', { coop_id: 'bread' })
      await refusedEachWay(['NOT_FOUND', 404], who('Mallory'), 'coop.activate', { coop_id: 'bread' })
    })

    test('the last steward who leaves', async () => {
      await refusedEachWay(['LAST_STEWARD', 422], who('Dora'), 'coop.resign', { coop_id: 'garden', did: didOf('Dora') })
      const own = await who('Dora').ask('coop.get_member', { coop_id: 'garden', did: didOf('Dora') })
      await refusedEachWay(
        ['LAST_STEWARD', 422],
        who('Dora'),
        'coop.update_member_role',
        { coop_id: 'garden', did: didOf('Dora'), roles: ['member'] },
        { ifMatch: own.etag as string },
      )
    })

    test('a removal without the second person, signed by hand', async () => {
      const rows = node.rows(food)
      const body = { did: didOf('Dora'), code: 'fraud', reason: 'x', ban: false, immediate: true }
      const alone = await submit(who('Ada'), rawly(who('Ada'), 'coop.member.remove', body))
      assert.deepEqual([alone.code, alone.status], ['NEEDS_SECOND', 422], JSON.stringify(alone.body))
      assert.deepEqual(node.rows(food), rows)
      assert.equal(alone.body.reasons[0].remedies[0].method, 'act.propose')
    })

    test('a change of roles by a plain member, and one about oneself', async () => {
      const chen = await who('Dora').ask('coop.get_member', member('Chen'))
      await refusedEachWay(['POWER_MISSING', 403], who('Dora'), 'coop.update_member_role', { ...member('Chen'), roles: ['member'] }, { ifMatch: chen.etag as string })
      const ada = await who('Ada').ask('coop.get_member', member('Ada'))
      const term = { ...member('Dora'), roles: ['member'], until_at: new Date(node.now + dayMs).toISOString() }
      const dora = await who('Ada').ask('coop.get_member', member('Dora'))
      await refusedEachWay(['TERM_INVALID', 400], who('Ada'), 'coop.update_member_role', term, { ifMatch: dora.etag as string })
      const own = await who('Ada').ask('coop.update_member_role', { ...member('Ada'), roles: ['member', 'steward', 'treasurer'] }, { ifMatch: ada.etag as string, draft: true })
      assert.ok(!own.ok && own.body.reasons.some(({ code }: { code: string }) => code === 'OWN_CASE'), JSON.stringify(own.body))
    })

    test('a register with duplicates and bad rows', async () => {
      const csv =
        'number,name,joined_at,shares,capital\n100,Person,2020-01-31,1,10\n100,Again,2020-01-31,1,10\n101,Person,2020-01-31,1,10\n102,No date,31st of May,1,10\n103,Many,2020-01-31,minus one,10\n1,Taken,2020-01-31,1,10\n104,,2020-01-31,1,10\n'
      const quiet = node.print()
      const preview = await who('Chen').ask('coop.import.preview', { coop_id: 'food' }, { csv })
      assert.ok(preview.ok, JSON.stringify(preview.body))
      assert.equal(node.print(), quiet)
      assert.deepEqual(
        preview.body.problems.map(({ row, code }: { row: number; code: string }) => `${row} ${code}`),
        ['2 IMPORT_NUMBER_TWICE', '3 IMPORT_NAME_TWICE', '4 IMPORT_DATE', '5 IMPORT_SHARES', '6 NUMBER_TAKEN', '7 IMPORT_NAME'],
        JSON.stringify(preview.body.problems),
      )
      await refused(['POWER_MISSING', 403], () => who('Dora').ask('coop.import.preview', { coop_id: 'food' }, { csv }))
      await refused(['IMPORT_TOKEN', 409], () => who('Chen').ask('coop.import', { coop_id: 'food', token: 'AAAA' }))
      await refused(['NO_GRANT', 403], () => who('Chen').ask('coop.import', { coop_id: 'food', token: preview.body.token }))
      node.now += 16 * 60_000
      await refused(['IMPORT_TOKEN', 409], () => who('Chen').ask('coop.import', { coop_id: 'food', token: preview.body.token }))
    })

    test('a field that does not exist, one that is missing, one of another type', async () => {
      const wrong = async (input: Fields, ...codes: string[]): Promise<void> => {
        const body = await refused(['INPUT_INVALID', 400], () => who('Ada').ask('coop.add_member', input))
        assert.deepEqual(
          body.errors.map(({ pointer, code }: { pointer: string; code: string }) => `${pointer} ${code}`),
          codes,
        )
      }
      await wrong({ ...member('Emil'), name: 'Emil', colour: 'red' }, '/colour FIELD_UNKNOWN')
      await wrong({ ...member('Emil'), number: 'seven', nam: 'x' }, '/number FIELD_FORMAT', '/nam FIELD_UNKNOWN')
      await wrong({ ...member('Emil'), number: 0 }, '/number FIELD_OUT_OF_RANGE')
      await wrong({ coop_id: 'food', name: 'Emil' }, '/did FIELD_MISSING')
      await wrong({ ...member('Emil'), class: 'cafe\u0301' }, '/class FIELD_FORMAT')
      const missing = await refused(['INPUT_INVALID', 400], () => who('Ada').ask('coop.suspend_member', member('Dora')))
      assert.deepEqual(
        missing.errors.map(({ code }: { code: string }) => code),
        ['FIELD_MISSING', 'FIELD_MISSING'],
      )
    })

    /** Bytes as they are, for what a JSON library would not send. */
    async function posted(bytes: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
      const at = door(node)
      const { token } = who('Ada')
      const url = doorName === 'REST' ? `${at.base}/v1/charter/lint` : `${at.base}/rpc`
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers }, body: bytes as never })
      const body = (await response.json()) as any
      const problem = body.error?.data ?? body
      return {
        ok: response.ok && body.error === undefined,
        status: problem.status ?? response.status,
        body: problem,
        code: problem.code,
        etag: undefined,
        replayed: undefined,
        location: undefined,
        headers: response.headers,
      }
    }
    const around = (charter: string): string =>
      doorName === 'REST' ? `{"charter":${charter}}` : `{"jsonrpc":"2.0","id":1,"method":"charter.lint","params":{"charter":${charter}}}`

    test('JSON that is nested too deep, repeats a name, reaches for prototypes, or is not UTF-8', async () => {
      for (const charter of [
        `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`,
        '['.repeat(100_000),
        '{"a":1,"a":2}',
        '{"__proto__":{"a":1}}',
        '{"constructor":1}',
        '{"a":1e999}',
        '{"a":"\\ud800"}',
        '{"a":1,}',
        '{a:1}',
      ])
        await refused(['BODY_NOT_JSON', 400], () => posted(around(charter)))
      await refused(['BODY_NOT_JSON', 400], () => posted(Buffer.concat([utf8('{"charter":"'), Uint8Array.of(0xff, 0xfe), utf8('"}')])))
      await refused(['CONTENT_TYPE_UNSUPPORTED', 415], () => posted(around('{}'), { 'content-type': 'text/plain' }))
      await refused(['CONTENT_TYPE_UNSUPPORTED', 415], () => posted(around('{}'), { 'content-encoding': 'gzip' }))
    })

    test('a body of ten megabytes', async () => {
      await refused(['BODY_TOO_LARGE', 413], () => posted(around(`"${'x'.repeat(10_000_000)}"`)))
      assert.ok((await who('Ada').ask('node.about')).ok)
    })

    test('a cursor that is altered, of another list, or of somebody else', async () => {
      const first = await who('Ada').read('coop.list_members', { coop_id: 'food', limit: 1 })
      const cursor: string = first.next_cursor
      const list =
        (name: string, more: Fields): (() => Promise<Answer>) =>
        () =>
          who(name).ask('coop.list_members', { coop_id: 'food', limit: 1, ...more })
      assert.ok((await list('Ada', { cursor })()).ok)
      for (const bad of ['x', 'AAAA', altered(cursor), `A${cursor}`, cursor.slice(5)]) await refused(['CURSOR_INVALID', 400], list('Ada', { cursor: bad }))
      await refused(['CURSOR_INVALID', 400], list('Ben', { cursor }))
      await refused(['CURSOR_INVALID', 400], list('Ada', { cursor, order: 'desc' }))
      await refused(['CURSOR_INVALID', 400], list('Ada', { cursor, status: ['active'] }))
      await refused(['CURSOR_INVALID', 400], () => who('Ada').ask('operation.list', { space: food, cursor }))
      await refused(['INPUT_INVALID', 400], list('Ada', { limit: 201 }))
    })

    test('an If-Match that is wrong, and one that is missing', async () => {
      const roles = { ...member('Dora'), roles: ['member', 'facilitator'] }
      await who('Ada').must('identity.grant', { space: food, scopes: ['coop.member.roles'], label: 'Elm' })
      for (const asking of [{ draft: true }, { dryRun: true }, {}]) {
        await refused(['ETAG_MISMATCH', 412], () => who('Ada').ask('coop.update_member_role', roles, { ...asking, ifMatch: 'other' }))
        if (!asking.dryRun) await refused(['PRECONDITION_REQUIRED', 428], () => who('Ada').ask('coop.update_member_role', roles, asking))
      }
      await refused(['ETAG_MISMATCH', 412], () => who('Dora').ask('coop.update_profile', { ...member('Dora'), name: 'D.' }, { draft: true, ifMatch: 'other' }))
    })

    test('a token of a trial run that is foreign, altered, or of a state that is past', async () => {
      const profile = { ...member('Dora'), name: 'Dora B.' }
      const { token } = (await who('Dora').ask('coop.update_profile', profile, { dryRun: true, draft: true })).body
      await refused(['TOKEN_INVALID', 400], () => who('Chen').write('coop.update_profile', { ...member('Chen'), name: 'C.' }, { ifUnchanged: token }))
      await refused(['TOKEN_INVALID', 400], () => who('Dora').write('coop.update_profile', profile, { ifUnchanged: altered(token) }))
      await who('Dora').must('coop.update_profile', { ...member('Dora'), name: 'Dora C.' })
      await refused(['STATE_CHANGED', 412], () => who('Dora').write('coop.update_profile', profile, { ifUnchanged: token }))
    })

    test('a key that was used for something else', async () => {
      await who('Dora').must('coop.update_profile', { ...member('Dora'), name: 'Dora D.' }, { key: 'once' })
      await refused(['IDEMPOTENCY_KEY_REUSED', 422], () => who('Dora').ask('coop.update_profile', { ...member('Dora'), name: 'Dora E.' }, { key: 'once', draft: true }))
    })

    test('a request of which half is sent', async () => {
      const quiet = node.print()
      const { host, port } = new URL(door(node).base)
      const body =
        doorName === 'REST' ? JSON.stringify({ id: 'half', name: 'Half' }) : JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'coop.create', params: { id: 'half', name: 'Half' } })
      const head = `POST ${doorName === 'REST' ? '/v1/coops' : '/rpc'} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${who('Ada').token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
      for (const sent of [head.slice(0, 30), head, `${head}\r\n`, `${head}\r\n${body.slice(0, 12)}`, `${head}\r\n${body.slice(0, -1)}`]) {
        await new Promise<void>((resolve, reject) => {
          const socket = connectSocket(Number(port), '127.0.0.1', () => socket.end(sent))
          socket.on('data', (bytes) => assert.doesNotMatch(String(bytes), /^HTTP\/1\.1 (2|5)/))
          socket.on('close', () => resolve())
          socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve() : reject(error)))
        })
      }
      assert.equal(node.print(), quiet)
      await node.healthy()
    })
  })
}
