import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { coopRules } from '@icn/domain'
import { inviteKeyOf, inviteSeed, type MethodName, readInviteCode, rowOf, type SpaceId } from '@icn/protocol'
import { CtlPerson } from './ctl-person.ts'
import type { Answer, Asking } from './doors.ts'
import { dayMs, type Fields, freePort, Person, type Rows, TestNode, until } from './harness.ts'
import { SdkPerson } from './sdk-person.ts'

/** The whole loop on one node, by each door, signed by the members' own keys and, apart from that, by the node under grants. */

type Way = 'own keys' | 'grants'

const space = 'coop:food' as SpaceId
const steward = ['coop.member.*', 'coop.invite.*', 'coop.entry.*', 'coop.settings.set', 'act.propose', 'act.withdraw']
const isId = /b[a-z2-7]{58}/g

/** The same with every operation id that was made since masked: nobody can know one before. */
const masked = (value: unknown, known: ReadonlySet<string>): unknown => JSON.parse(JSON.stringify(value ?? null).replaceAll(isId, (id) => (known.has(id) ? id : '<new>')))

function changesBetween(from: Rows, to: Rows): Map<string, unknown> {
  const changes = new Map<string, unknown>()
  for (const key of new Set([...from.keys(), ...to.keys()])) {
    const [was, is] = [from.get(key) ?? null, to.get(key) ?? null]
    if (JSON.stringify(was) !== JSON.stringify(is)) changes.set(key, { before: was, after: is })
  }
  return changes
}

/** One node on its way through the loop. Every step is tried dry, done, compared, and asked for again with its key. */
class Loop {
  readonly node: TestNode
  readonly way: Way
  readonly people: Readonly<Record<string, Person>>
  #keys = 0
  /** Rows of which was seen already that the node may not sign them. */
  readonly #seenRefused = new Set<MethodName>()

  constructor(node: TestNode, way: Way, person: (node: TestNode, name: string) => Person) {
    this.node = node
    this.way = way
    this.people = Object.fromEntries(['Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Fay', 'Gil'].map((name) => [name, person(node, name)]))
  }

  who(name: string): Person {
    return this.people[name] as Person
  }

  /** Whether the node may sign this for somebody who lets it. */
  #isByNode(method: MethodName): boolean {
    return coopRules.laws.get(rowOf(method).proposes?.[0] as string)?.key === 'N'
  }

  /** What only a person may sign, in the way with grants, by a program that hands nobody a draft: it must be told to use the own key. */
  #isRefused(person: Person, method: MethodName): boolean {
    return this.way === 'grants' && !person.leavesDrafts && !this.#isByNode(method)
  }

  async #seeRefused(person: Person, method: MethodName, input: Fields, asking: Asking): Promise<void> {
    if (this.#seenRefused.has(method)) return
    for (const dryRun of [true, false]) assert.equal((await person.ask(method, input, { ...asking, dryRun })).code, 'NO_GRANT', method)
    this.#seenRefused.add(method)
  }

  /** As people of this loop write: with their key, or by the node; what the node may not sign comes back as a draft and goes on with the key. */
  async write(person: Person, method: MethodName, input: Fields, asking: Asking): Promise<Answer> {
    if (this.way === 'own keys' || this.#isRefused(person, method)) return person.write(method, input, asking)
    const answer = await person.ask(method, input, asking)
    if (!answer.ok) return answer
    const byNode = this.#isByNode(method)
    assert.equal(answer.body.outcome === 'drafted', !byNode, `${method} by ${byNode ? 'the node' : 'the person'}`)
    if (byNode) {
      const signed = await person.read('operation.get', { operation_id: answer.body.operations[0].id })
      assert.equal(signed.operation.signer, this.node.at.did)
      return answer
    }
    return person.handIn(method, answer.body, asking)
  }

  async step(name: string, method: MethodName, input: Fields, more: Asking = {}): Promise<any> {
    const person = this.who(name)
    const label = `${method} by ${name}`
    const isRefused = this.#isRefused(person, method)
    const own = this.way === 'own keys' || isRefused ? { draft: true } : {}
    const quiet = this.node.print()
    if (isRefused) await this.#seeRefused(person, method, input, more)
    const dry = await person.ask(method, input, { ...more, ...own, dryRun: true })
    assert.ok(dry.ok, `${label}: ${JSON.stringify(dry.body)}`)
    assert.equal(dry.body.outcome, 'simulated', label)
    assert.equal(dry.body.decision.outcome, 'lawful', `${label}: ${JSON.stringify(dry.body.decision)}`)
    assert.equal(this.node.print(), quiet, `${label}: a dry run wrote something`)

    const key = `${method}-${++this.#keys}`
    const known = this.node.knownIds()
    const rows = this.node.rows(space)
    const done = await this.write(person, method, input, { ...more, key, explain: true })
    assert.ok(done.ok, `${label}: ${JSON.stringify(done.body)}`)
    assert.equal(done.body.outcome, 'applied', label)

    const foretold = new Map(
      dry.body.changes.map(({ key: at, before: was, after: is }: { key: unknown; before: unknown; after: unknown }) => [JSON.stringify(at), { before: was, after: is }]),
    )
    const happened = changesBetween(rows, this.node.rows(space))
    const sorted = (changes: ReadonlyMap<unknown, unknown>): unknown => (masked([...changes], known) as [string, unknown][]).sort(([a], [b]) => (a < b ? -1 : 1))
    assert.deepEqual(sorted(foretold), sorted(happened), `${label}: the changes`)
    assert.deepEqual(masked(dry.body.value, known), masked(done.body.value, known), `${label}: the value`)
    assert.deepEqual(masked(dry.body.decision.checks, known), masked(done.body.decision.checks, known), `${label}: the checks`)
    await this.#again(person, method, input, { ...more, ...own, key }, done)
    return done.body.value
  }

  /** The same request with the same key changes nothing and answers the same. */
  async #again(person: Person, method: MethodName, input: Fields, asking: Asking, done: Answer): Promise<void> {
    const quiet = this.node.print()
    const again = await person.ask(method, input, asking)
    assert.ok(again.ok, `${method} again: ${JSON.stringify(again.body)}`)
    assert.equal(again.body.outcome, 'applied')
    assert.deepEqual(again.body.value, done.body.value, `${method} again: the value`)
    assert.deepEqual(
      again.body.operations.map(({ id }: { id: string }) => id),
      done.body.operations.map(({ id }: { id: string }) => id),
    )
    if (again.replayed !== undefined) assert.equal(again.replayed, true)
    assert.equal(this.node.print(), quiet, `${method} again wrote something`)
  }

  async code(name: string, method: MethodName, input: Fields, more: Asking = {}): Promise<string | undefined> {
    const quiet = this.node.print()
    const answer = await this.write(this.who(name), method, input, more)
    assert.equal(this.node.print(), quiet, `${method} was refused and wrote something`)
    return answer.code
  }

  /** Lets this node sign the everyday things of a member. */
  async grant(name: string): Promise<void> {
    await this.who(name).must('identity.grant', { space, scopes: steward, for_ms: 30 * dayMs, label: 'Elm' })
  }

  async status(name: string, by = 'Ada'): Promise<string> {
    return (await this.who(by).read('coop.get_member', { coop_id: 'food', did: this.who(name).did })).status
  }
}

/** Everything that is read of a coop in one value, to compare it with itself later. */
async function readAll(loop: Loop): Promise<unknown> {
  const ada = loop.who('Ada')
  const { items } = await ada.read('coop.list_members', { coop_id: 'food', limit: 200 })
  return {
    items,
    coop: await ada.read('coop.get', { coop_id: 'food' }),
    log: (await ada.read('coop.member_log', { coop_id: 'food', did: ada.did })).items,
    stats: { ...(await ada.read('coop.stats', { coop_id: 'food' })), as_of: '' },
  }
}

interface LoopDoor {
  readonly name: string
  readonly ways: readonly Way[]
  /** Where the clock of the node begins; absent: where the machine's stands. */
  readonly startsAt?: number
  person(node: TestNode, name: string): Person
}

const bothWays = ['own keys', 'grants'] as const
const startsAt = 1_795_000_000_000

const doors: readonly LoopDoor[] = [
  { name: 'REST', ways: bothWays, startsAt, person: (node, name) => new Person(node, name, (at) => at.rest) },
  { name: 'JSON-RPC', ways: bothWays, startsAt, person: (node, name) => new Person(node, name, (at) => at.rpc) },
  { name: 'the SDK over REST', ways: bothWays, startsAt, person: (node, name) => new SdkPerson(node, name, 'rest') },
  { name: 'the SDK over JSON-RPC', ways: bothWays, startsAt, person: (node, name) => new SdkPerson(node, name, 'rpc') },
  // A program has the clock of its machine; the node's begins there and goes days ahead. Each run is a process, so each door is taken once.
  { name: 'icnctl over JSON-RPC', ways: ['own keys'], person: (node, name) => new CtlPerson(node, name, 'rpc') },
  { name: 'icnctl over REST', ways: ['grants'], person: (node, name) => new CtlPerson(node, name, 'rest') },
]

for (const { name: doorName, ways, person, ...door } of doors) {
  for (const way of ways) {
    describe(`the loop by ${doorName} with ${way}`, () => {
      let loop: Loop
      let charterHash: string
      const seen: Record<string, string> = {}

      before(async () => {
        // The SDK signs nothing for a node that names another origin than the one it was asked at.
        const listen = `127.0.0.1:${await freePort()}`
        const flags = { 'gateway.listen': listen, 'gateway.public_origin': `http://${listen}`, 'supervisor.sweep_interval_secs': '1', 'snapshot.auto': 'false' }
        const node = await TestNode.start({ startsAt: door.startsAt ?? Date.now(), flags })
        loop = new Loop(node, way, person)
      })
      after(async () => {
        await loop.node.dispose()
        for (const one of Object.values(loop.people)) await one.dispose()
      })
      const did = (name: string): string => loop.who(name).did
      const of = (name: string): Fields => ({ coop_id: 'food', did: did(name) })

      test('four people found a food coop', async () => {
        const founders = [
          ['Ada', 'steward'],
          ['Ben', 'steward'],
          ['Chen', 'treasurer'],
          ['Dora', undefined],
        ].map(([name, office]) => ({ did: did(name as string), name, roles: ['member', ...(office === undefined ? [] : [office])] }))
        const made = await loop.step('Ada', 'coop.create', { id: 'food', name: 'Food Coop', type: 'consumer', founders })
        assert.equal(made.status, 'forming')
        charterHash = made.charter_hash
        assert.equal(await loop.code('Ben', 'coop.create', { id: 'food', name: 'Another', type: 'consumer' }), 'ALREADY_FOUNDED')
        const { steps } = await loop.who('Ada').read('coop.founding', { coop_id: 'food' })
        assert.deepEqual(steps.find(({ step }: { step: string }) => step === 'signed').waiting_for.length, 4)
      })

      test('each signs the charter with the own root key, and too few open nothing', async () => {
        for (const name of ['Ada', 'Ben'])
          await loop.step(name, 'coop.sign_charter', { coop_id: 'food', hash: charterHash, signature: loop.who(name).charterSignature('food', charterHash) })
        assert.equal(await loop.code('Ada', 'coop.activate', { coop_id: 'food', charter_hash: charterHash }), 'CHARTER_NOT_RATIFIED')
        for (const name of ['Chen', 'Dora'])
          await loop.step(name, 'coop.sign_charter', { coop_id: 'food', hash: charterHash, signature: loop.who(name).charterSignature('food', charterHash) })
        const charter = await loop.who('Ada').read('coop.charter.get', { coop_id: 'food' })
        assert.equal(charter.signatures.length, 4)
      })

      test('the coop opens', async () => {
        const opened = await loop.step('Ada', 'coop.activate', { coop_id: 'food', charter_hash: charterHash })
        assert.equal(opened.status, 'active')
        assert.equal(opened.members_count, 4)
        if (way === 'grants') for (const name of ['Ada', 'Ben', 'Chen']) await loop.grant(name)
      })

      test('a node gets no permission for what people must sign themselves', async () => {
        for (const [kind, { key }] of coopRules.laws) {
          if (key === 'N') continue
          const answer = await loop.who('Dora').write('identity.grant', { space, scopes: [kind], label: 'Elm' })
          assert.equal(answer.code, 'SCOPE_ROOT_ONLY', kind)
          // The doors have heard of every kind; a run of a program for each of them would tell nothing new.
          if (!loop.who('Dora').leavesDrafts) break
        }
        const ungranted = await loop.who('Dora').ask('coop.update_profile', { ...of('Dora'), name: 'Dora D.' })
        assert.equal(ungranted.code, 'NO_GRANT')
        assert.equal(ungranted.status, 403)
      })

      test('somebody applies and is admitted', async () => {
        const applied = await loop.step('Emil', 'coop.apply', { coop_id: 'food', charter_hash: charterHash, name: 'Emil', statement: 'I bake.' })
        assert.equal(applied.status, 'applied')
        assert.equal(await loop.code('Dora', 'coop.approve_member', of('Emil')), way === 'grants' ? 'NO_GRANT' : 'POWER_MISSING')
        const admitted = await loop.step('Ada', 'coop.approve_member', of('Emil'))
        assert.equal(admitted.status, 'active')
        assert.equal(admitted.number, 5)
      })

      test('somebody is invited by DID and accepts', async () => {
        const invited = await loop.step('Ada', 'coop.add_member', { ...of('Fay'), name: 'Fay' })
        assert.equal(invited.status, 'invited')
        const accepted = await loop.step('Fay', 'coop.accept_membership', { ...of('Fay'), charter_hash: charterHash })
        assert.equal(accepted.status, 'active')
      })

      test('somebody comes in with the code of an invitation', async () => {
        const { genesis } = await loop.who('Ada').read('coop.get', { coop_id: 'food' })
        const typed = 'ABCD-EFGH-JKMN-PQRS'
        const key = inviteKeyOf(inviteSeed(readInviteCode(typed) as string, 'food', genesis))
        await loop.step('Ada', 'coop.invite.create', { coop_id: 'food', key, name: 'Gil' })
        const made = await loop.write(loop.who('Ben'), 'coop.invite.create', { coop_id: 'food', name: 'Hana' }, { key: 'a code of the node' })
        assert.match(made.body.value.code, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/)
        const again = await loop.who('Ben').ask('coop.invite.create', { coop_id: 'food', name: 'Hana' }, { key: 'a code of the node', draft: way === 'own keys' })
        assert.equal(again.body.value.code, undefined, 'a code is told once')
        const joined = await loop.step('Gil', 'coop.join', await loop.who('Gil').redemption('food', typed.toLowerCase()))
        assert.equal(joined.status, 'active')
        assert.equal(joined.joined_via, 'invite')
      })

      test('a register is looked at and brought in once', async () => {
        const chen = loop.who('Chen')
        const csv = `number,name,joined_at,shares,capital\n${Array.from({ length: 120 }, (_, i) => `${i + 100},Person ${i + 100},2020-01-31,2,12.50`).join('\n')}\n100,Twice,2020-01-31,0,0\n1,Taken,2020-01-31,0,0\n`
        const quiet = loop.node.print()
        const preview = await chen.ask('coop.import.preview', { coop_id: 'food' }, { csv })
        assert.ok(preview.ok, JSON.stringify(preview.body))
        assert.equal(loop.node.print(), quiet)
        assert.deepEqual(preview.body.counts, { new: 120, same: 0, changes: 0, conflict: 1, error: 1 })
        const token = preview.body.token
        if (way === 'own keys') {
          const without = await chen.ask('coop.import', { coop_id: 'food', token })
          assert.equal(without.code, 'NO_GRANT')
          await chen.must('identity.grant', { space, scopes: ['coop.entry.add', 'coop.invite.create'], label: 'import' })
        }
        for (const added of [120, 0]) {
          const result = await chen.bringIn('food', token)
          assert.equal(result.added, added)
          assert.equal(result.left_out.length, 2)
        }
        const entries = await chen.read('coop.entry.list', { coop_id: 'food', limit: 200 })
        assert.equal(entries.items.length, 120)
      })

      test('roles change with a second person, and not without', async () => {
        const first = await loop.who('Ada').ask('coop.get_member', of('Emil'))
        const light = await loop.step('Ada', 'coop.update_member_role', { ...of('Emil'), roles: ['member', 'facilitator'] }, { ifMatch: first.etag as string })
        assert.deepEqual(light.roles, ['member', 'facilitator'], 'an office of no weight takes one person')
        const member = await loop.who('Ada').ask('coop.get_member', of('Emil'))
        const roles = { ...of('Emil'), roles: ['member', 'treasurer'] }
        assert.equal(await loop.code('Ada', 'coop.update_member_role', roles, { ifMatch: first.etag as string }), 'ETAG_MISMATCH')
        assert.equal((await loop.who('Ada').ask('coop.update_member_role', roles)).code, 'PRECONDITION_REQUIRED')
        const proposed = await loop.step('Ada', 'coop.update_member_role', roles, { ifMatch: member.etag as string })
        assert.equal(proposed.act.state, 'open')
        assert.deepEqual((await loop.who('Ada').read('coop.get_member', of('Emil'))).roles, ['member', 'facilitator'])
        assert.equal(await loop.code('Ada', 'act.confirm', { space, operation_id: proposed.act.act_id }), 'ACT_SAME_PERSON')
        const needs = await loop.who('Ben').read('me.needs')
        assert.ok(needs.items.some(({ kind, ref }: { kind: string; ref: string }) => kind === 'confirm_act' && ref === proposed.act.act_id))
        const own = await loop.who('Ada').read('me.needs')
        assert.ok(!own.items.some(({ kind }: { kind: string }) => kind === 'confirm_act'), 'nobody is asked to confirm an act of their own')
        assert.deepEqual(proposed.act.confirmed, [loop.who('Ada').did])
        const confirmed = await loop.step('Ben', 'act.confirm', { space, operation_id: proposed.act.act_id })
        assert.equal(confirmed.state, 'done')
        assert.deepEqual((await loop.who('Ada').read('coop.get_member', of('Emil'))).roles, ['member', 'treasurer'])
      })

      test('the node is stopped and started, and knows what it knew', async () => {
        const known = await readAll(loop)
        await loop.node.restart()
        assert.deepEqual(await readAll(loop), known)
        await loop.node.healthy()
      })

      test('somebody is suspended for a while and taken back', async () => {
        const until_at = new Date(loop.node.now + 20 * dayMs).toISOString()
        const suspended = await loop.step('Ada', 'coop.suspend_member', { ...of('Emil'), code: 'conduct', reason: 'Loud', until_at })
        assert.equal(suspended.status, 'suspended')
        const back = await loop.step('Ben', 'coop.reinstate_member', { ...of('Emil'), note: 'Quiet again' })
        assert.equal(back.status, 'active')
      })

      test('one leaves', async () => {
        loop.node.now += dayMs
        seen['before'] = new Date(loop.node.now).toISOString()
        loop.node.now += dayMs
        const left = await loop.step('Gil', 'coop.resign', { ...of('Gil'), reason: 'Moving' })
        assert.equal(left.status, 'resigned')
      })

      test('one is removed at once, by two people', async () => {
        const proposed = await loop.step('Ada', 'coop.remove_member', { ...of('Fay'), code: 'fraud', reason: 'Took the till', immediate: true })
        assert.equal(proposed.act.state, 'open')
        assert.equal(await loop.status('Fay'), 'active')
        await loop.step('Ben', 'act.confirm', { space, operation_id: proposed.act.act_id })
        assert.equal(await loop.status('Fay'), 'removed')
      })

      test('one is removed when the time for an appeal is over', async () => {
        const proposed = await loop.step('Ben', 'coop.remove_member', { ...of('Emil'), code: 'absence', reason: 'Never comes' })
        await loop.step('Ada', 'act.confirm', { space, operation_id: proposed.act.act_id })
        const pending = await loop.who('Ada').read('coop.get_member', of('Emil'))
        assert.equal(pending.status, 'suspended')
        loop.node.now = Date.parse(pending.removal.due_at) - 1_000
        assert.equal(await loop.status('Emil'), 'suspended')
        loop.node.now += 2_000
        await until('the sweeper', async () => (await loop.status('Emil')) === 'removed')
        const log = await loop.who('Ada').read('coop.member_log', of('Emil'))
        assert.ok(
          log.items.some(({ kind }: { kind: string }) => kind === 'coop.sweep'),
          JSON.stringify(log.items),
        )
      })

      test('totals are public, the register is not', async () => {
        const stats = await loop.who('Ada').asStranger('coop.stats', { coop_id: 'food' })
        assert.equal(stats.body.total_members, 4)
        const stranger = await loop.who('Ada').asStranger('coop.list_members', { coop_id: 'food' })
        assert.equal(stranger.code, 'UNAUTHENTICATED')
        const fay = await loop.who('Fay').ask('coop.list_members', { coop_id: 'food' })
        assert.ok(fay.code === 'NOT_FOUND' || fay.code === 'POWER_MISSING', fay.code)
      })

      test('the register is shown as it is and as it was', async () => {
        const list = async (more: Fields): Promise<Record<string, string>> => {
          const { items } = await loop.who('Ada').read('coop.list_members', { coop_id: 'food', ...more })
          return Object.fromEntries(items.map(({ name, status }: { name: string; status: string }) => [name, status]))
        }
        assert.deepEqual(await list({}), { Ada: 'active', Ben: 'active', Chen: 'active', Dora: 'active', Emil: 'removed', Fay: 'removed', Gil: 'resigned' })
        assert.deepEqual(await list({ status: ['active'] }), { Ada: 'active', Ben: 'active', Chen: 'active', Dora: 'active' })
        assert.deepEqual(await list({ as_of_date: seen['before'] as string }), {
          Ada: 'active',
          Ben: 'active',
          Chen: 'active',
          Dora: 'active',
          Emil: 'active',
          Fay: 'active',
          Gil: 'active',
        })
      })

      test('a coop takes its operations and its register along', async () => {
        const counted = loop.node.at.journal.operations(space, { limit: 10_000 }).length
        const operations = await loop.who('Ada').read('coop.export', { coop_id: 'food' })
        const lines = (typeof operations === 'string' ? operations : JSON.stringify(operations)).trim().split('\n')
        assert.equal(lines.length, counted)
        const register = await loop.who('Ada').read('coop.export', { coop_id: 'food', what: 'register', as_of_date: seen['before'] as string })
        assert.match(register, /Gil/)
      })

      test('the doctor finds nothing, also after another start', async () => {
        await loop.node.healthy()
        await loop.node.restart()
        await loop.node.healthy()
      })
    })
  }
}
