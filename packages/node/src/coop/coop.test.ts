import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonsRules, coopRow, coopRules, coopTables } from '@icn/domain'
import type { JournalApi, WriteResult } from '@icn/journal'
import { journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import type { Did, MethodName, OperationId, SpaceId } from '@icn/protocol'
import { charterStatementPayload, didOfKey, inviteKeyOf, inviteSeed, operations, readInviteCode, redeemStatementPayload, rowOf, sealOperation, statementBytes } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import type { JobAnswer, WritePlan } from '../calls/call.ts'
import { openSealer } from '../calls/seal.ts'
import { openStanding } from '../calls/standing.ts'
import { coopHandlers, sweepCoops } from './index.ts'

/** A node with a real engine in memory, people with keys of their own, and the coop actor's handlers called as a door would. */

const dayMs = 86_400_000
const keyOf = (name: string): SigningKey => {
  const seed = new Uint8Array(32)
  seed.set(new TextEncoder().encode(name).subarray(0, 31), 1)
  return signingKeyFromSeed(seed)
}
const didOf = (name: string): Did => didOfKey(keyOf(name).publicKey)

class World {
  now = 1_790_000_000_000
  readonly journal: JournalApi
  readonly standing
  network: OperationId | undefined
  counter = 0
  readonly handlers

  constructor() {
    const key = keyOf('the node')
    this.journal = openJournal({
      store: openMemoryStore(),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    this.standing = openStanding(this.journal, () => this.now)
    this.handlers = coopHandlers({
      now: () => this.now,
      sealer: openSealer([new Uint8Array(32).fill(1)]),
      network: () => this.network,
      origin: () => 'http://127.0.0.1:8080',
      mayFound: () => true,
      rights: (did, space) => this.standing.rights(did, space),
      grant: (space, author, signer, kind, at) => this.standing.grant(space, author, signer, kind, at),
      random: (count) => Uint8Array.from({ length: count }, () => (this.counter = (this.counter * 167 + 13) % 256)),
      timeZone: 'UTC',
    })
  }

  async start(): Promise<this> {
    const result = await this.journal.propose({
      space: 'commons' as SpaceId,
      kind: 'commons.found',
      author: this.journal.node,
      grant: null,
      body: { name: 'test', keepers: [this.journal.node], stewards: [], nonce: new Uint8Array(16) },
    })
    assert.equal(result.outcome, 'applied')
    this.network = this.journal.info('commons' as SpaceId)?.genesis
    return this
  }

  call(method: MethodName, name: string | undefined, input: Record<string, unknown>, more: Record<string, unknown> = {}) {
    const row = rowOf(method)
    const parsed = row.input.parse(input) as Record<string, unknown>
    const space = row.space.startsWith('coop:') ? (`coop:${String(parsed['coop_id'])}` as SpaceId) : undefined
    const did = name === undefined ? undefined : name === 'the node' ? this.journal.node : didOf(name)
    const facts = space === undefined ? undefined : this.journal.read(space)
    return {
      method,
      input: parsed,
      caller: { ...(did === undefined ? {} : { did, signer: did }), operator: false, lang: 'en' },
      options: { requestId: 'r' },
      rights: did === undefined || space === undefined ? new Set<string>() : this.standing.rights(did, space),
      ...(space === undefined ? {} : { space }),
      ...(facts === undefined ? {} : { facts }),
      ...more,
    }
  }

  async handle(method: MethodName, name: string | undefined, input: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<any> {
    const handler = (this.handlers as Record<string, unknown>)[method] as (call: unknown, journal: JournalApi) => unknown
    return await handler(this.call(method, name, input, more), this.journal)
  }

  /** As a member's own device: the plan is drafted, signed with the person's key and handed in. */
  async write(method: MethodName, name: string, input: Record<string, unknown>): Promise<{ result: WriteResult; value: any; plan: WritePlan }> {
    const plan = (await this.handle(method, name, input)) as WritePlan
    const { result, value } = await this.send(plan, name)
    if (result.outcome !== 'refused' && value !== undefined) assert.doesNotThrow(() => rowOf(method).output.parse(value), method)
    return { result, value, plan }
  }

  async send(plan: WritePlan, name: string): Promise<{ result: WriteResult; value: any }> {
    this.now += 1_000
    const key = keyOf(name)
    const author = plan.author
    const unsigned = this.journal.draft({
      space: plan.space,
      kind: plan.kind,
      author,
      signer: author,
      grant: null,
      body: plan.body,
      ...(plan.genesis === true ? { genesis: null } : {}),
    })
    const operation = sealOperation(unsigned.envelope, unsigned.body, (message) => key.sign(message))
    const result = await this.journal.submit(operation, { answer: plan.view })
    return { result, value: result.answer }
  }

  async must(method: MethodName, name: string, input: Record<string, unknown>): Promise<any> {
    const { result, value } = await this.write(method, name, input)
    assert.equal(
      result.outcome,
      'applied',
      `${method}: ${result.decision.checks
        .filter((check) => check.result === 'fail' || check.result === 'done')
        .map((check) => check.code)
        .join(' ')}`,
    )
    return value
  }

  codes(result: WriteResult): string[] {
    return result.decision.checks.filter((check) => check.result === 'fail' || check.result === 'done').map((check) => check.code)
  }

  async list(method: MethodName, name: string | undefined, input: Record<string, unknown>, page: Record<string, unknown> = {}) {
    return this.handle(method, name, input, { page: { limit: 50, reverse: false, after: null, ...page } })
  }

  sign(hash: string): (name: string) => Promise<any> {
    return (name) => {
      const payload = charterStatementPayload({ network: this.network as string, space: 'coop:food', hash, coop_id: 'food', version: 1 })
      return this.must('coop.sign_charter', name, { coop_id: 'food', hash, signature: Buffer.from(keyOf(name).sign(statementBytes('charter', payload))).toString('base64url') })
    }
  }

  /** Ada, Ben and Chen found the food coop; Chen keeps the register. */
  async open(): Promise<this> {
    await this.start()
    const founders = [
      { did: didOf('Ada'), name: 'Ada', roles: ['member', 'steward'] },
      { did: didOf('Ben'), name: 'Ben', roles: ['member', 'steward'] },
      { did: didOf('Chen'), name: 'Chen', roles: ['member', 'treasurer'] },
    ]
    const coop = await this.must('coop.create', 'Ada', { name: 'Food', id: 'food', type: 'consumer', founders })
    for (const name of ['Ada', 'Ben', 'Chen']) await this.sign(coop.charter_hash)(name)
    await this.must('coop.activate', 'Ada', { coop_id: 'food' })
    this.now += 40 * dayMs
    return this
  }
}

const refusal = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('a coop is founded, signed and opened through its rows, and looks so to members and strangers', async () => {
  const w = await new World().open()
  const whole = (await w.handle('coop.get', 'Ada', { coop_id: 'food' })).value
  operations['coop.get'].output.parse(whole)
  assert.equal(whole.status, 'active')
  assert.equal(whole.members_count, 3)
  assert.deepEqual(whole.my.roles, ['member', 'steward'])
  const open = (await w.handle('coop.get', undefined, { coop_id: 'food' })).value
  assert.deepEqual(Object.keys(open).sort(), ['charter_hash', 'coop_id', 'genesis', 'name', 'status', 'type'])
  const founding = (await w.handle('coop.founding', 'Ada', { coop_id: 'food' })).value
  operations['coop.founding'].output.parse(founding)
  assert.deepEqual(
    founding.steps.map((step: { step: string; state: string }) => `${step.step} ${step.state}`),
    ['drafted done', 'founded done', 'reserved open', 'signed done', 'active done', 'listed later', 'safe open'],
  )
  operations['coop.charter.get'].output.parse((await w.handle('coop.charter.get', 'Ada', { coop_id: 'food' })).value)
  operations['coop.stats'].output.parse((await w.handle('coop.stats', undefined, { coop_id: 'food' })).value)
  assert.equal((await w.list('coop.list', undefined, {})).items.length, 1)
  await assert.rejects(w.handle('coop.get', 'Ada', { coop_id: 'bread' }), refusal('NOT_FOUND'))
  await assert.rejects(w.handle('coop.delete', 'Ada', { coop_id: 'food' }), refusal('USE_DISSOLUTION'))
  assert.deepEqual(w.journal.doctor(), [])
})

test('a coop that hides looks to strangers like none', async () => {
  const w = await new World().open()
  await w.must('coop.update', 'Ada', {
    coop_id: 'food',
    changes: [
      { field: 'listed', value: false },
      { field: 'public_stats', value: false },
    ],
  })
  for (const method of ['coop.get', 'coop.stats'] as const) await assert.rejects(w.handle(method, 'Mallory', { coop_id: 'food' }), refusal('NOT_FOUND'))
  assert.equal((await w.list('coop.list', 'Mallory', { scope: 'hosted' })).items.length, 0)
  assert.equal((await w.list('coop.list', 'Ada', { scope: 'mine' })).items.length, 1)
})

test('the same id again is refused and changes nothing; wrong fields are all named', async () => {
  const w = await new World().open()
  await assert.rejects(w.handle('coop.create', 'Dora', { name: 'Food', id: 'food' }), refusal('ALREADY_FOUNDED'))
  await assert.rejects(
    w.handle('coop.create', 'Dora', { name: '   ', id: 'Food' }),
    (error: any) => error.code === 'COOP_ID_INVALID' && error.details.errors.length === 2 && error.details.params.suggestion === 'food',
  )
  await assert.rejects(w.handle('coop.create', 'Dora', { name: 'Bread', template: 'castle' }), refusal('TEMPLATE_UNKNOWN'))
})

test('a founding that was left can be resumed and makes the same genesis', async () => {
  const w = await new World().start()
  const saved = (await w.handle('founding.save', 'Ada', { draft_id: 'mine', name: 'Pan y queso' })).value
  operations['founding.save'].output.parse(saved)
  const again = (await w.handle('founding.get', 'Ada', { draft_id: 'mine' })).value
  assert.equal(again.coop_id, saved.coop_id)
  assert.match(saved.coop_id, /^pan-y-queso-[a-z]{4}$/)
  await assert.rejects(w.handle('founding.get', 'Ben', { draft_id: 'mine' }), refusal('FOUNDING_UNKNOWN'))
  const one = await w.handle('coop.create', 'Ada', { draft_id: 'mine' })
  const two = await w.handle('coop.create', 'Ada', { draft_id: 'mine' })
  assert.deepEqual(one.body, two.body)
  const { result } = await w.send(one, 'Ada')
  assert.equal(result.outcome, 'applied')
  assert.equal((await w.handle('founding.get', 'Ada', { draft_id: 'mine' })).value.steps[1].state, 'done')
})

test('a member sees names and roles of others and everything of the own row', async () => {
  const w = await new World().open()
  await w.must('coop.apply', 'Dora', { coop_id: 'food', charter_hash: coopRow(w.journal.read('coop:food' as SpaceId)!)!.charter_hash, name: 'Dora', statement: 'Hello' })
  const asSteward = (await w.handle('coop.get_member', 'Ada', { coop_id: 'food', did: didOf('Dora') })).value
  assert.equal(asSteward.statement, 'Hello')
  const admitted = await w.must('coop.approve_member', 'Ada', { coop_id: 'food', did: didOf('Dora') })
  assert.equal(admitted.number, 4)
  const other = (await w.handle('coop.get_member', 'Dora', { coop_id: 'food', did: didOf('Ada') })).value
  assert.equal('shares' in other, false)
  assert.equal((await w.handle('coop.get_member', 'Dora', { coop_id: 'food', did: didOf('Dora') })).value.shares, 0)
  const log = await w.list('coop.member_log', 'Dora', { coop_id: 'food', did: didOf('Dora') })
  assert.equal(log.items[0].by, didOf('Ada'))
  operations['coop.member_log'].output.parse(log.items[0])
  await assert.rejects(w.handle('coop.resign', 'Ada', { coop_id: 'food', did: didOf('Dora') }), refusal('NOT_A_MEMBER'))
})

test('pages of the register hold everybody once', async () => {
  const w = await new World().open()
  const seen: string[] = []
  let after: unknown = null
  for (let i = 0; i < 3; i++) {
    const page = await w.list('coop.list_members', 'Ada', { coop_id: 'food' }, { limit: 1, after })
    seen.push(page.items[0].name)
    after = page.next
  }
  assert.equal(after, null)
  assert.deepEqual(seen.sort(), ['Ada', 'Ben', 'Chen'])
})

test('who holds the code comes in; the code is in one answer only', async () => {
  const w = await new World().open()
  const { plan, value } = await w.write('coop.invite.create', 'Ada', { coop_id: 'food', name: 'Dora' })
  const code = readInviteCode(String(plan.secret?.['code']).toLowerCase())
  assert.ok(code)
  assert.equal('code' in value, false)
  const genesis = w.journal.info('coop:food' as SpaceId)?.genesis as string
  const seed = inviteSeed(code, 'food', genesis)
  const invite_key = inviteKeyOf(seed)
  const found = (await w.handle('coop.invite.find', undefined, { coop_id: 'food', invite_key })).value
  operations['coop.invite.find'].output.parse(found)
  const payload = redeemStatementPayload({ network: w.network as string, space: 'coop:food', invite: found.invite_id, did: didOf('Dora') })
  const signature = Buffer.from(signingKeyFromSeed(seed).sign(statementBytes('redeem', payload))).toString('base64url')
  const joined = await w.must('coop.join', 'Dora', { coop_id: 'food', invite_key, signature, charter_hash: found.charter_hash, name: 'Dora' })
  assert.equal(joined.status, 'active')
  await assert.rejects(
    w.handle('coop.join', 'Emil', { coop_id: 'food', invite_key: didOf('wrong'), signature, charter_hash: found.charter_hash, name: 'Emil' }),
    refusal('INVITE_UNKNOWN'),
  )
})

const people = (count: number): string => Array.from({ length: count }, (_, i) => `${i + 10};Persona ${i + 10};31.01.2020;2;12,50`).join('\n')
const upload = (csv: string) => ({ file: { bytes: new TextEncoder().encode(csv), type: 'text/csv' } })

test('a register with mistakes is looked at, then brought in once, however often it is tried', async () => {
  const w = await new World().open()
  const csv = `\ufeffnúmero;nombre;fecha_alta;participaciones;capital\n${people(240)}\n10;Otra;31.01.2020;0;0\n400;Persona 11;2020-01-31;0;0\n401;Fecha;2020-02-31;0;0\n1;Nadie;2020-01-31;0;0\n`
  await assert.rejects(w.handle('coop.import.preview', 'Mallory', { coop_id: 'food' }, upload(csv)), refusal('POWER_MISSING'))
  const preview = (await w.handle('coop.import.preview', 'Chen', { coop_id: 'food' }, upload(csv))).value
  operations['coop.import.preview'].output.parse(preview)
  assert.deepEqual(preview.counts, { new: 240, same: 0, changes: 0, conflict: 1, error: 3 })
  assert.deepEqual(
    preview.problems.map((problem: { row: number; code: string }) => `${problem.row} ${problem.code}`),
    ['241 IMPORT_NUMBER_TWICE', '242 IMPORT_NAME_TWICE', '243 IMPORT_DATE', '244 NUMBER_TAKEN'],
  )
  assert.equal(preview.absent.length, 2, 'the number of the third stands in the file')
  await assert.rejects(w.handle('coop.import', 'Chen', { coop_id: 'food', token: preview.token }), refusal('NO_GRANT'))
  await assert.rejects(w.handle('coop.import', 'Ada', { coop_id: 'food', token: preview.token }), refusal('IMPORT_TOKEN'))
  await w.send(
    {
      space: 'coop:food' as SpaceId,
      kind: 'identity.grant',
      author: didOf('Chen'),
      body: {
        grantee: w.journal.node,
        grantee_kind: 'node',
        scopes: ['coop.entry.add', 'coop.invite.create'],
        not_before_at: w.now,
        not_after_at: w.now + 6 * 3_600_000,
        label: 'import',
      },
      view: () => null,
    },
    'Chen',
  )
  const job = (await w.handle('coop.import', 'Chen', { coop_id: 'food', token: preview.token })) as JobAnswer<any>
  const stop = new AbortController()
  await assert.rejects(
    job.run((done) => {
      if (done >= 200) stop.abort()
    }, stop.signal),
  )
  const again = (await w.handle('coop.import', 'Chen', { coop_id: 'food', token: preview.token })) as JobAnswer<any>
  const result: any = await again.run(() => {}, new AbortController().signal)
  assert.equal(result.added, 40, 'the batches before the cut are passed over')
  assert.equal(result.left_out.length, 4)
  assert.equal((await w.list('coop.entry.list', 'Chen', { coop_id: 'food' })).items.length, 50)
  const second = (await w.handle('coop.import.preview', 'Chen', { coop_id: 'food' }, upload(csv))).value
  assert.equal(second.counts.new, 0)
  assert.equal(second.counts.same, 240)
  assert.deepEqual(w.journal.doctor(), [])
})

test('an export holds every signed operation, and a spreadsheet runs nothing of it', async () => {
  const w = await new World().open()
  await w.must('coop.update_profile', 'Ben', { coop_id: 'food', did: didOf('Ben'), name: '=HYPERLINK' })
  const register = await w.handle('coop.export', 'Ada', { coop_id: 'food', what: 'register' })
  const text = [...register.body].join('')
  assert.match(text, /^number,name,/)
  assert.match(text, /'=HYPERLINK/)
  const operationsFile = await w.handle('coop.export', 'Ada', { coop_id: 'food' })
  const lines = [...operationsFile.body].map((line) => JSON.parse(line))
  assert.equal(lines.length, 6)
  assert.equal(lines[0].operation.kind, 'coop.found')
  await assert.rejects(w.handle('coop.export', 'Dora', { coop_id: 'food', mine: true }), refusal('NOT_FOUND'))
  await assert.rejects(async () => w.handle('coop.export', 'Dora', { coop_id: 'food' }), refusal('POWER_MISSING'))
})

test('the operations of a coop taken into an empty node make the same rows', async () => {
  const w = await new World().open()
  await w.must('coop.apply', 'Dora', { coop_id: 'food', charter_hash: coopRow(w.journal.read('coop:food' as SpaceId)!)!.charter_hash, name: 'Dora' })
  const empty = new World()
  empty.now = w.now
  for (const space of ['commons', 'coop:food'] as SpaceId[]) {
    const taken = w.journal.operations(space, { limit: 100 }).map(({ operation }) => ({ envelope: operation.bytes, signature: operation.signature, body: operation.body }))
    const { malformed, held } = await empty.journal.ingest(space, taken.reverse())
    assert.deepEqual([malformed, held], [[], 0])
  }
  const rows = (journal: JournalApi) => coopTables.flatMap((table) => [...(journal.read('coop:food' as SpaceId)?.scan(table) ?? [])])
  assert.ok(rows(w.journal).length > 20)
  assert.deepEqual(rows(empty.journal), rows(w.journal))
})

test('the sweeper proposes what is due, and nothing twice', async () => {
  const w = await new World().open()
  await w.must('coop.suspend_member', 'Ada', { coop_id: 'food', did: didOf('Ben'), code: 'conduct', reason: 'x', until_at: new Date(w.now + 5 * dayMs).toISOString() })
  assert.deepEqual(await sweepCoops(w.journal, w.now), [])
  w.now += 6 * dayMs
  const swept = await sweepCoops(w.journal, w.now)
  assert.deepEqual(
    swept.map(({ kind, items, outcome }) => [kind, items, outcome]),
    [['coop.sweep', 1, 'applied']],
  )
  assert.deepEqual(await sweepCoops(w.journal, w.now), [])
})

test('a charter text is linted and compared without a coop', async () => {
  const w = await new World().start()
  const linted = (await w.handle('charter.lint', undefined, { charter: { v: 1 } })).value
  operations['charter.lint'].output.parse(linted)
  assert.equal(linted.ok, false)
  assert.deepEqual((await w.handle('charter.diff', undefined, { before: { a: { b: 1 } }, after: { a: { b: 2 } } })).value.changes, [{ pointer: '/a/b', before: 1, after: 2 }])
  assert.equal((await w.list('charter.templates', undefined, {})).items.length, 6)
  assert.equal((await w.list('charter.templates', undefined, { type: 'housing' })).items.length, 1)
})

test('a zone with summer time fills ten years, and the past stays', async () => {
  const w = await new World().open()
  const set = await w.must('coop.calendar.set', 'Ada', { coop_id: 'food', time_zone: 'Europe/Madrid' })
  assert.ok(set.offsets.length > 18, String(set.offsets.length))
  assert.deepEqual(set.offsets[0], [0, 0])
})

test('two people remove a third through an act, and one alone does not', async () => {
  const w = await new World().open()
  const alone = await w.write('coop.remove_member', 'Ada', { coop_id: 'food', did: didOf('Chen'), code: 'fraud', reason: 'took the till', immediate: true })
  assert.deepEqual(w.codes(alone.result), ['NEEDS_SECOND'])
  const act = { space: 'coop:food' as SpaceId, view: () => null }
  const proposed = await w.send({ ...act, kind: 'act.propose', author: didOf('Ada'), body: { kind: alone.plan.kind, body: alone.plan.body } }, 'Ada')
  assert.equal(proposed.result.outcome, 'applied', w.codes(proposed.result).join(' '))
  const ref = proposed.result.operation?.operation.id
  assert.equal((await w.send({ ...act, kind: 'act.confirm', author: didOf('Ada'), body: { ref } }, 'Ada')).result.outcome, 'refused')
  assert.equal((await w.send({ ...act, kind: 'act.confirm', author: didOf('Chen'), body: { ref } }, 'Chen')).result.outcome, 'refused')
  assert.equal((await w.handle('coop.get_member', 'Ada', { coop_id: 'food', did: didOf('Chen') })).value.status, 'active')
  const confirmed = await w.send({ ...act, kind: 'act.confirm', author: didOf('Ben'), body: { ref } }, 'Ben')
  assert.equal(confirmed.result.outcome, 'applied', w.codes(confirmed.result).join(' '))
  assert.equal((await w.handle('coop.get_member', 'Ada', { coop_id: 'food', did: didOf('Chen') })).value.status, 'removed')
  assert.deepEqual(w.journal.doctor(), [])
})

test('a forged signature over the charter is no operation at all', async () => {
  const w = await new World().start()
  const coop = await w.must('coop.create', 'Ada', { name: 'Food', id: 'food', type: 'consumer' })
  const payload = charterStatementPayload({ network: w.network as string, space: 'coop:food', hash: coop.charter_hash, coop_id: 'food', version: 1 })
  const forged = Buffer.from(keyOf('Mallory').sign(statementBytes('charter', payload))).toString('base64url')
  await assert.rejects(w.write('coop.sign_charter', 'Ada', { coop_id: 'food', hash: coop.charter_hash, signature: forged }), refusal('OPERATION_MALFORMED'))
})
