import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commonsRules, coopRules, entries, memberAt } from '@icn/domain'
import { journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import { didOfKey, newKeyFile, type OperationId, Secret, sealKeyFile } from '@icn/protocol'
import { nodeKeyFileCrypto, signingKeyFromSeed, writeKeyFile } from '@icn/protocol/node'
import { type Client, connect, identityOf, type StoredTokens } from '@icn/sdk'
import { Chance } from '@icn/testkit'
import { food, writeHistory } from '../../apps/icnd/src/dev/history.ts'
import { generatedNames, type Person, personNamed } from '../../apps/icnd/src/dev/people.ts'

/**
 * The daemon is killed again and again in the middle of load. What it acknowledged is there, nothing stands half,
 * the doctor finds nothing, and what was not acknowledged is done once when it is asked again with its key.
 */

const crashes = Number(process.env['ICN_CRASHES'] ?? 100)
const passphrase = 'a passphrase for tests'
const main = join(import.meta.dirname, '../../apps/icnd/src/main.ts')

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

interface Ports {
  readonly gateway: number
  readonly rpc: number
  readonly metrics: number
}

function start(folder: string, ports: Ports): ChildProcess {
  const flags = {
    data_dir: folder,
    'gateway.listen': `127.0.0.1:${ports.gateway}`,
    'rpc.listen': `127.0.0.1:${ports.rpc}`,
    'metrics.listen': `127.0.0.1:${ports.metrics}`,
    'network.listen_addr': '',
    'network.ws_listen_addr': '',
    'gateway.rate_permille': '1000000',
    'log.level': 'error',
    'snapshot.checkpoint_every_secs': '30',
  }
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: join(tmpdir(), 'icn-compile'), ICN_PASSPHRASE_FILE: join(folder, 'passphrase') },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function ready({ metrics }: Ports, child: ChildProcess): Promise<void> {
  for (let left = 600; left > 0; left--) {
    assert.equal(child.exitCode, null, 'the daemon ended by itself')
    const response = await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => undefined)
    await response?.text()
    if (response?.status === 200) return
    await sleep(20)
  }
  assert.fail('the daemon is not ready after 12 s')
}

async function prepare(): Promise<{ readonly folder: string; readonly seed: Uint8Array }> {
  const folder = mkdtempSync(join(tmpdir(), 'icn-crash-'))
  const seed = new Uint8Array(32).fill(77)
  const now = Date.now()
  mkdirSync(join(folder, 'store'), { mode: 0o700 })
  await writeHistory(openSqliteStore({ folder: join(folder, 'store') }), seed, now, 'http://127.0.0.1')
  const fresh = (use: 'session' | 'seal') => ({ use, seed: new Secret(new Uint8Array(32).fill(use.length)), created_at: now })
  const file = newKeyFile('node', new Secret(Uint8Array.from(seed)), now, { more: [fresh('session'), fresh('seal')] })
  await writeKeyFile(join(folder, 'identity.key'), await sealKeyFile(file, Secret.ofText(passphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 }), 'create')
  writeFileSync(join(folder, 'passphrase'), passphrase, { mode: 0o600 })
  return { folder, seed }
}

/** One thing a person wants done once, kept until it is acknowledged. */
interface Wish {
  readonly key: string
  readonly what: string
  run(icn: Client, key: string): Promise<{ readonly operations: readonly { readonly id: OperationId }[] }>
}

class Worker {
  readonly person: Person
  readonly #make: (n: number) => Wish
  readonly #identity
  readonly #signing: 'device' | 'node'
  /** A session outlives the node: whoever was signed in before a kill is so afterwards. */
  #tokens: StoredTokens | undefined
  #hasGranted = false
  acknowledged: { readonly id: OperationId; readonly what: string }[] = []
  /** Last thing acknowledged. */
  last = ''
  #waiting: Wish | undefined
  #count = 0
  retried = 0

  constructor(person: Person, make: (n: number) => Wish, signing: 'device' | 'node' = 'device') {
    this.person = person
    this.#signing = signing
    this.#make = make
    this.#identity = identityOf(person.key)
  }

  /** Works until the node is gone. What was under way is asked again first, with its key. */
  async work(endpoint: string, gone: AbortSignal): Promise<void> {
    const tokens = {
      get: async () => this.#tokens,
      set: async (_endpoint: string, _did: string, given: StoredTokens | undefined) => {
        this.#tokens = given
      },
    }
    const options = { identity: this.#identity, tokens, retries: { triesMax: 1 } }
    const icn = connect(endpoint, { ...options, signing: this.#signing })
    while (!gone.aborted) {
      if (this.#signing === 'node' && !this.#hasGranted && !(await this.#grant(connect(endpoint, options), gone))) return
      const wish = this.#waiting ?? this.#make(this.#count++)
      if (this.#waiting !== undefined) this.retried++
      this.#waiting = wish
      try {
        const { operations } = await wish.run(icn, wish.key)
        for (const { id } of operations) this.acknowledged.push({ id, what: wish.what })
        this.last = wish.what
        this.#waiting = undefined
      } catch (error) {
        // While the node dies anything may break; while it lives nothing may.
        if (!gone.aborted) await sleep(50)
        if (!gone.aborted) throw error
        return
      }
    }
  }

  /** Lets the node sign; false: it was gone before. */
  async #grant(icn: Client, gone: AbortSignal): Promise<boolean> {
    try {
      await icn.identity.grant({ space: food, scopes: ['coop.member.profile'], label: 'Under load' }, { idempotencyKey: 'a permission' })
      this.#hasGranted = true
    } catch (error) {
      if (!gone.aborted) await sleep(50)
      if (!gone.aborted) throw error
    }
    return this.#hasGranted
  }
}

const countOf = (workers: readonly Worker[]): number => workers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)

/** Ends when so many things were acknowledged; fails when the node is too slow to be under load. */
async function reached(workers: readonly Worker[], count: number): Promise<void> {
  const until = performance.now() + 20_000
  while (countOf(workers) < count) {
    assert.ok(performance.now() < until, 'nothing was acknowledged in 20 s')
    await sleep(2)
  }
}

it(`loses nothing that was acknowledged in ${crashes} kills under load`, { timeout: 900_000 }, async (t) => {
  const { folder, seed } = await prepare()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ports: Ports = { gateway: await freePort(), rpc: await freePort(), metrics: await freePort() }
  const endpoint = `http://127.0.0.1:${ports.gateway}`
  const chance = new Chance(Number(process.env['ICN_SEED'] ?? 7))
  // The last of them writes by the node under a permission, the others sign themselves.
  const renames = (person: Person, index: number): Worker =>
    new Worker(
      person,
      (n) => ({
        key: `${person.name}-${n}`,
        what: `${person.name} ${n}`,
        run: (icn, idempotencyKey) => icn.coop.updateProfile({ coop_id: 'food', did: person.did, name: `${person.name} ${n}` }, { idempotencyKey }) as never,
      }),
      index === 4 ? 'node' : 'device',
    )
  const numbers = new Worker(personNamed('Chen'), (n) => ({
    key: `entry-${n}`,
    what: String(1_000 + n),
    run: (icn, idempotencyKey) =>
      icn.coop.entry.add({ coop_id: 'food', entries: [{ number: 1_000 + n, name: `Household ${n}`, joined_at: '2026-01-05T00:00:00.000Z' }] } as never, {
        idempotencyKey,
      }) as never,
  }))
  const workers = [...generatedNames.slice(0, 5).map(personNamed).map(renames), numbers]

  let child: ChildProcess | undefined
  t.after(() => child?.kill('SIGKILL'))
  for (let crash = 1; crash <= crashes; crash++) {
    child = start(folder, ports)
    await ready(ports, child)
    const gone = new AbortController()
    const working = workers.map((worker) => worker.work(endpoint, gone.signal))
    // In the middle of load: after some acknowledgements of this life, at any moment between two steps.
    const wanted = countOf(workers) + 4 + chance.below(30)
    await Promise.race([reached(workers, wanted).then(() => sleep(chance.below(4))), Promise.all(working)])
    gone.abort()
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await Promise.all(working)
  }

  const key = signingKeyFromSeed(seed)
  const journal = openJournal({
    store: openSqliteStore({ folder: join(folder, 'store') }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
    wall: Date.now,
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  const acknowledged = workers.flatMap((worker) => worker.acknowledged)
  const total = new Set(acknowledged.map(({ id }) => id))
  assert.ok(total.size >= crashes * 4)
  for (const { id, what } of acknowledged) assert.equal(journal.operation(id)?.status, 'applied', `${what} was acknowledged and is not there`)
  const facts = journal.read(food)
  assert.ok(facts)
  // Each wish had one effect: names follow the last acknowledged rename, numbers stand once and without holes.
  for (const worker of workers.slice(0, 5)) {
    // Somebody may never have been heard when there were only a few kills.
    if (worker.last === '') continue
    const name = memberAt(facts, worker.person.did, Date.now())?.name ?? ''
    assert.ok(Number(name.split(' ').at(-1)) >= Number(worker.last.split(' ').at(-1)), `${name} stands after ${worker.last} was acknowledged`)
  }
  const numbered = [...facts.scan(entries)].flatMap(([[number]]) => ((number as number) >= 1_000 ? [number as number] : []))
  assert.deepEqual(
    numbered,
    numbered.map((_, i) => 1_000 + i),
  )
  // What was under way at the last kill may be there or not.
  const said = numbers.last === '' ? 0 : Number(numbers.last) - 999
  assert.ok(numbered.length === said || numbered.length === said + 1)
  const renamesSaid = journal
    .operations(food, { kind: 'coop.member.profile', author: personNamed(generatedNames[0] as string).did, limit: 100_000 })
    .map(({ body }) => (body as { name: string }).name)
  assert.equal(new Set(renamesSaid).size, renamesSaid.length, 'a wish had two effects')
  assert.deepEqual(journal.doctor(), [])
  await journal.close()
  t.diagnostic(`${total.size} acknowledged operations, ${workers.reduce((sum, worker) => sum + worker.retried, 0)} asked again, ${crashes} kills`)
})
