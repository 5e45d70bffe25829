import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commonsRules, coopRules } from '@icn/domain'
import { type Timing, toJson } from '@icn/node'
import {
  charterStatementPayload,
  type Did,
  didOfKey,
  inviteKeyOf,
  inviteSeed,
  type MethodName,
  newKeyFile,
  type OperationId,
  readInviteCode,
  redeemStatementPayload,
  Secret,
  type SpaceId,
  sealKeyFile,
  statementBytes,
  toBase64Url,
  toHex,
} from '@icn/protocol'
import { nodeKeyFileCrypto, type SigningKey, signingKeyFromSeed, writeKeyFile } from '@icn/protocol/node'
import { openNode, type RunningNode } from '../../apps/icnd/src/compose.ts'
import { loadConfig } from '../../apps/icnd/src/config/load.ts'
import { openLog } from '../../apps/icnd/src/log.ts'
import type { NodeKeys } from '../../apps/icnd/src/node-key.ts'
import { type Answer, type Asking, type Door, restDoor, rpcDoor } from './doors.ts'

/** A whole node behind real sockets, with a real store in a folder of its own, and people who hold keys. */

export const dayMs = 86_400_000

export const seedOf = (name: string): Uint8Array => new Uint8Array(createHash('sha256').update(`e2e ${name}`).digest())
export const keyOf = (name: string): SigningKey => signingKeyFromSeed(seedOf(name))
export const didOf = (name: string): Did => didOfKey(keyOf(name).publicKey)

/** Waits for a condition, never for a time; says what it waited for when that does not come. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false, ms = 10_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await sleep(10)
  }
}

export type Fields = Readonly<Record<string, unknown>>
/** Rows of a state by table and key, as the doors write them. */
export type Rows = ReadonlyMap<string, unknown>

/** Options that tests share: ports of their own, no limits in the way. */
export const testFlags: Readonly<Record<string, string>> = {
  'gateway.listen': '127.0.0.1:0',
  'rpc.listen': '127.0.0.1:0',
  'metrics.listen': '127.0.0.1:0',
  'gateway.public_origin': 'http://elm.example',
  'gateway.found_by': 'anyone',
  'gateway.rate_permille': '1000000',
  'network.listen_addr': '',
  'network.ws_listen_addr': '',
  'network.mdns_enabled': 'false',
  'node.name': 'Elm',
  'log.level': 'silent',
  'store.reserve_bytes': '67108864',
}

export const passphrase = 'for tests only'

/** A key file for a node, cheap to open, and what is in it. */
export async function writeNodeKey(folder: string): Promise<NodeKeys> {
  const now = Date.now()
  const [seed, sessionSeed, sealSeed] = [1, 2, 3].map(() => new Uint8Array(randomBytes(32))) as [Uint8Array, Uint8Array, Uint8Array]
  const more = [
    { use: 'session', seed: new Secret(Uint8Array.from(sessionSeed)), created_at: now },
    { use: 'seal', seed: new Secret(Uint8Array.from(sealSeed)), created_at: now },
  ] as const
  const file = newKeyFile('node', new Secret(Uint8Array.from(seed)), now, { more })
  await writeKeyFile(join(folder, 'identity.key'), await sealKeyFile(file, Secret.ofText(passphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 }), 'create')
  return { key: signingKeyFromSeed(seed), seed, sessionSeed, sealSeed, isNew: false }
}

/** A port that was free a moment ago, for what must know its address before it listens: none of those that systems give to connections by themselves, so that nobody gets it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + randomInt(20_000)
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

export interface NodeOptions {
  readonly flags?: Readonly<Record<string, string>>
  /** Where the clock stands; it moves only when it is told to. Absent: the machine's clock. */
  readonly startsAt?: number
  /** The machine's clock is wrong by so much [ms]. */
  readonly skewMs?: number
  readonly logged?: string[]
  /** How the supervisor waits. */
  readonly timing?: Timing
  /** Names of people who may speak in commons. */
  readonly stewards?: readonly string[]
}

export class TestNode {
  readonly folder = mkdtempSync(join(tmpdir(), 'icn-e2e-'))
  keys: NodeKeys | undefined
  readonly options: NodeOptions
  readonly fatal: string[] = []
  readonly #errors: string[] = []
  now: number
  running: RunningNode | undefined

  constructor(options: NodeOptions = {}) {
    this.options = options
    this.now = options.startsAt ?? 0
  }

  static async start(options: NodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(options)
    await node.open()
    return node
  }

  /** A copy of the other's data under its identity. */
  takeOver(other: TestNode): void {
    rmSync(this.folder, { recursive: true })
    execFileSync('cp', ['-a', other.folder, this.folder])
    this.keys = other.keys
  }

  async open(): Promise<void> {
    const { options } = this
    this.keys ??= await writeNodeKey(this.folder)
    const loaded = loadConfig({ flags: new Map(Object.entries({ data_dir: this.folder, ...testFlags, ...options.flags })), environment: {} })
    assert.deepEqual(loaded.faults, [])
    const { logged } = options
    // What nobody listens to is kept for a test that fails.
    const log = openLog({
      level: logged === undefined ? 'error' : loaded.config['log.level'],
      format: 'json',
      identities: false,
      write: (line) => (logged ?? this.#errors).push(line),
    })
    this.running = await openNode({
      config: loaded.config,
      origins: loaded.origins,
      log,
      keys: this.keys,
      ephemeral: false,
      onFatal: (why) => this.fatal.push(why),
      checkAnswers: true,
      stewards: (options.stewards ?? []).map(didOf),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
      ...(options.skewMs === undefined ? {} : { wall: () => Date.now() + (options.skewMs ?? 0) }),
      ...(options.startsAt === undefined ? {} : { wall: () => this.now }),
    })
  }

  get at(): RunningNode {
    if (this.running === undefined) throw new Error('the node is not running')
    return this.running
  }

  get rest(): Door {
    return restDoor(this.at.addresses.gateway as string)
  }

  get rpc(): Door {
    return rpcDoor(this.at.addresses.rpc as string)
  }

  get network(): OperationId {
    return this.at.journal.info('commons' as SpaceId)?.genesis as OperationId
  }

  /** Ends without anything late. */
  async stop(): Promise<void> {
    if (this.running === undefined) return
    const late = await this.running.stop()
    this.running = undefined
    assert.deepEqual(late, [])
    assert.deepEqual(this.fatal, [])
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.open()
  }

  async dispose(): Promise<void> {
    try {
      await this.stop()
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  /** What every space holds: set of operations and state, one line each. Equal text means that nothing was written. */
  print(): string {
    const { journal } = this.at
    return journal
      .spaces()
      .map(({ space, setDigest }) => `${space} ${toHex(setDigest)} ${toHex(journal.root(space).root)}`)
      .join('\n')
  }

  /** Every row of a space's state. */
  rows(space: string): Rows {
    const facts = this.at.journal.read(space as SpaceId)
    const found = new Map<string, unknown>()
    if (facts === undefined) return found
    for (const table of (space === 'commons' ? commonsRules : coopRules).tables)
      for (const [key, value] of facts.scan(table)) found.set(JSON.stringify([table.name, ...key].map(toJson)), toJson(value))
    return found
  }

  knownIds(): ReadonlySet<string> {
    const { journal } = this.at
    return new Set(journal.spaces().flatMap(({ space }) => journal.operations(space, { limit: 10_000 }).map(({ operation }) => operation.id as string)))
  }

  /** Asks the node's own doctor; anything but good news fails the test. */
  async healthy(): Promise<void> {
    const { ok, body } = await this.rpc.ask('node.doctor', {}, { token: this.at.operatorToken })
    assert.ok(ok, JSON.stringify(body))
    const bad = body.findings.filter((finding: { state: string; name: string }) => finding.state === 'fail' || (finding.name === 'errors' && finding.state !== 'ok'))
    assert.deepEqual(bad, [], this.#errors.join(''))
    assert.deepEqual(this.at.journal.doctor(), [])
    assert.deepEqual(this.fatal, [])
  }
}

/** What an import has come to. */
export interface BroughtIn {
  readonly added: number
  readonly left_out: readonly unknown[]
}

/** Somebody at a door: signs in when needed, signs what a draft says. */
export class Person {
  readonly name: string
  readonly did: Did
  readonly key: SigningKey
  readonly node: TestNode
  readonly door: (node: TestNode) => Door
  /** What only the person may sign comes back as a draft where the node was asked to sign it. */
  readonly leavesDrafts: boolean = true
  token: string | undefined
  sid: string | undefined

  constructor(node: TestNode, name: string, door: (node: TestNode) => Door = (at) => at.rest) {
    this.node = node
    this.name = name
    this.key = keyOf(name)
    this.did = didOfKey(this.key.publicKey)
    this.door = door
  }

  /** Nothing of this person is left on the machine. */
  async dispose(): Promise<void> {}

  sign(message: Uint8Array): string {
    return toBase64Url(this.key.sign(message))
  }

  async signIn(more: Fields = {}): Promise<this> {
    const door = this.door(this.node)
    const asked = await door.ask('auth.challenge', { did: this.did })
    assert.ok(asked.ok, JSON.stringify(asked.body))
    const { challenge, message } = asked.body
    const verified = await door.ask('auth.verify', { challenge, signature: this.sign(new TextEncoder().encode(message)), ...more })
    assert.ok(verified.ok, JSON.stringify(verified.body))
    this.token = verified.body.access_token
    this.sid = verified.body.sid
    return this
  }

  async ask(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    if (this.token === undefined) await this.signIn()
    const answer = await this.door(this.node).ask(method, input, { token: this.token, ...asking })
    if (answer.code !== 'TOKEN_EXPIRED' && answer.code !== 'TOKEN_REVOKED') return answer
    await this.signIn()
    return this.door(this.node).ask(method, input, { token: this.token, ...asking })
  }

  /** The same door by somebody of whom nobody knows who they are. */
  asStranger(method: MethodName, input: Fields): Promise<Answer> {
    return this.door(this.node).ask(method, input)
  }

  async read(method: MethodName, input: Fields = {}): Promise<any> {
    const answer = await this.ask(method, input)
    assert.ok(answer.ok, `${method}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** The drafts of an envelope with this person's signature. */
  signed(envelope: { readonly drafts?: readonly { readonly operation: Fields; readonly signing_bytes: string }[] }): Fields[] {
    return (envelope.drafts ?? []).map(({ operation, signing_bytes }) => ({ ...operation, sig: this.sign(Buffer.from(signing_bytes, 'base64url')) }))
  }

  /** Hands in what was drafted: a first operation to the row that founds, anything else as it is. */
  async handIn(method: MethodName, envelope: any, asking: Asking = {}): Promise<Answer> {
    const operations = this.signed(envelope)
    const { ifMatch: _, draft: __, ...rest } = asking
    if (operations[0]?.['genesis'] === null) return this.ask(method, { signed: operations[0] }, rest)
    const answer = await this.ask('operation.submit', { operations }, rest)
    const [result] = answer.body.results ?? []
    if (!answer.ok || result === undefined) return answer
    const { problem } = result
    return {
      ...answer,
      ok: problem === null,
      status: problem === null ? answer.status : problem.status,
      body: problem ?? { ...result, operations: result.operation === null ? [] : [result.operation] },
      code: problem?.code,
    }
  }

  /** Signed by the person's own key: draft, sign, hand in. */
  async write(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    const drafted = await this.ask(method, input, { ...asking, draft: true })
    return drafted.ok && drafted.body.outcome === 'drafted' ? this.handIn(method, drafted.body, asking) : drafted
  }

  async must(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<any> {
    const answer = await this.write(method, input, asking)
    assert.ok(answer.ok && answer.body.outcome === 'applied', `${this.name} ${method}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Brings in what a preview has looked at, and waits for the end. */
  async bringIn(coopId: string, token: string): Promise<BroughtIn> {
    const started = await this.ask('coop.import', { coop_id: coopId, token }, { holdSecs: 10 })
    assert.ok(started.ok, JSON.stringify(started.body))
    return this.resultOf(
      await until('the import', async () => {
        const found = await this.read('job.get', { id: started.body.id })
        return found.state === 'running' || found.state === 'queued' ? undefined : found
      }),
    )
  }

  resultOf(job: any): BroughtIn {
    assert.equal(job.state, 'done', JSON.stringify(job))
    return job.result
  }

  /** The signature of a founder under a charter. */
  charterSignature(coopId: string, hash: string): string {
    return this.sign(statementBytes('charter', charterStatementPayload({ network: this.node.network, space: `coop:${coopId}`, hash, coop_id: coopId, version: 1 })))
  }

  /** What somebody with the code of an invitation hands in. */
  async redemption(coopId: string, typed: string): Promise<Fields> {
    const code = readInviteCode(typed) as string
    const { genesis } = await this.read('coop.get', { coop_id: coopId })
    const seed = inviteSeed(code, coopId, genesis)
    const found = await this.read('coop.invite.find', { coop_id: coopId, invite_key: inviteKeyOf(seed) })
    const payload = redeemStatementPayload({ network: this.node.network, space: `coop:${coopId}`, invite: found.invite_id, did: this.did })
    return {
      coop_id: coopId,
      invite_key: inviteKeyOf(seed),
      signature: toBase64Url(signingKeyFromSeed(seed).sign(statementBytes('redeem', payload))),
      charter_hash: found.charter_hash,
      name: this.name,
    }
  }
}

export interface Founder {
  readonly person: Person
  readonly roles: readonly string[]
}

/** Founds, signs and opens a coop with everybody's own key. */
export async function foundCoop(founders: readonly Founder[], coopId = 'food'): Promise<void> {
  const [first] = founders as readonly [Founder]
  const made = await first.person.must('coop.create', {
    id: coopId,
    name: 'Food Coop',
    type: 'consumer',
    founders: founders.map(({ person, roles }) => ({ did: person.did, name: person.name, roles })),
  })
  const hash = made.value.charter_hash
  for (const { person } of founders) await person.must('coop.sign_charter', { coop_id: coopId, hash, signature: person.charterSignature(coopId, hash) })
  await first.person.must('coop.activate', { coop_id: coopId })
}
