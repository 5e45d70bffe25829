import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { peerAddress } from '@icn/network/node'
import { type Did, didOfKey, newKeyFile, Secret, sealKeyFile } from '@icn/protocol'
import { nodeKeyFileCrypto, signingKeyFromSeed, writeKeyFile } from '@icn/protocol/node'
import type { DevWorld } from './history.ts'
import type { NodeAnswer, NodeDoors, NodeOrder, NodePlan } from './orders.ts'
import { devPassphrase, writeKeys } from './people.ts'
import { laterBy } from './steps.ts'
import { type DevNode, writeWorld } from './world.ts'

/** Three nodes, each in a process of its own with a real store and real sockets, and what can be done to them (surfaces page §3). */

export const nodeNames = ['Elm', 'Oak', 'Ash'] as const
const startMs = 30_000
const orderMs = 10_000
const stopMs = 30_000

type Order = NodeOrder extends infer One ? (One extends { readonly number: number } ? Omit<One, 'number'> : never) : never

/** A process, and what is said to it. */
class RunningNode {
  readonly #child: ChildProcess
  readonly #done = new Map<number, () => void>()
  #orders = 0
  readonly ready: Promise<NodeDoors>
  readonly ended: Promise<void>

  constructor(plan: NodePlan, log: string, enter: readonly [command: string, ...args: string[]] | undefined, onEnd: (why: string) => void) {
    const lines = createWriteStream(log, { flags: 'a', mode: 0o600 })
    const quiet = '--disable-warning=ExperimentalWarning'
    const child = fork(join(import.meta.dirname, 'node.ts'), [JSON.stringify(plan)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(enter === undefined ? { execArgv: [quiet] } : { execPath: enter[0], execArgv: [...enter.slice(1), process.execPath, quiet] }),
    })
    this.#child = child
    child.stdout?.pipe(lines, { end: false })
    child.stderr?.pipe(lines, { end: false })
    const ready = Promise.withResolvers<NodeDoors>()
    this.ready = ready.promise
    // Whoever waits for it is told; nobody has to.
    ready.promise.catch(() => {})
    const late = setTimeout(() => ready.reject(new Error(`a node was not ready in ${startMs / 1_000} s; see ${log}`)), startMs)
    child.on('message', (answer: NodeAnswer) => {
      if ('ready' in answer) {
        clearTimeout(late)
        ready.resolve(answer.ready)
      } else if ('done' in answer) {
        this.#done.get(answer.done)?.()
        this.#done.delete(answer.done)
      }
    })
    this.ended = once(child, 'close').then(([code, signal]) => {
      clearTimeout(late)
      lines.end()
      ready.reject(new Error(`a node ended at its start; see ${log}`))
      for (const done of this.#done.values()) done()
      onEnd(signal === null ? `ended with ${code}` : `ended by ${signal}`)
    })
  }

  /** Settles when the node has done it, or is gone. */
  async order(order: Order): Promise<void> {
    const number = this.#orders++
    const done = Promise.withResolvers<void>()
    const late = setTimeout(() => done.reject(new Error(`a node did not answer in ${orderMs / 1_000} s`)), orderMs)
    this.#done.set(number, done.resolve)
    if (this.#child.connected) this.#child.send({ ...order, number })
    else done.resolve()
    try {
      await done.promise
    } finally {
      clearTimeout(late)
    }
  }

  /** Like a power cut. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.send({ do: 'stop' } satisfies NodeOrder)
    const late = setTimeout(() => this.#child.kill('SIGKILL'), stopMs)
    await this.ended
    clearTimeout(late)
  }
}

interface Place extends DevNode {
  readonly index: number
  readonly did: Did
  running: RunningNode | undefined
  doors: NodeDoors | undefined
  delayMs: number
  isDiskFull: boolean
  group: number
}

export interface NodeState {
  readonly node: number
  readonly name: string
  readonly state: 'running' | 'down'
  readonly did: Did
  readonly gateway: string | null
  readonly rpc: string | null
  readonly metrics: string | null
  readonly folder: string
  readonly log: string
  readonly delay_ms: number
  readonly disk_full: boolean
  readonly group: number
}

/** Wrong words of whoever gives the order. */
export class OrderRefused extends Error {
  override readonly name = 'OrderRefused'
}

export interface DevNetworkParts {
  /** Folder of everything. */
  readonly root: string
  /** A node has ended by itself, or was killed. */
  told(text: string): void
  /** Where a node's doors are; absent: the defaults, and ten more for each further node. */
  port?(door: DoorName, index: number): number
  /** Options of every node, over those of the network. */
  readonly flags?: Readonly<Record<string, string>>
  /** Where a node is, when not on loopback: its address, and the command that runs another one there. */
  place?(index: number): { readonly host: string; readonly enter: readonly [command: string, ...args: string[]] }
}

export class DevNetwork {
  readonly #root: string
  #places: Place[] = []
  #offsetMs = 0
  #world: DevWorld | undefined
  #network = ''
  readonly #told: (text: string) => void
  readonly #port: (door: DoorName, index: number) => number
  readonly #more: Readonly<Record<string, string>>
  readonly #where: DevNetworkParts['place']
  #isStopping = false

  constructor({ root, told, port, flags, place }: DevNetworkParts) {
    this.#more = flags ?? {}
    this.#where = place
    this.#root = root
    this.#told = told
    this.#port = port ?? ((door, index) => ports[door] + 10 * index)
  }

  get world(): DevWorld {
    if (this.#world === undefined) throw new Error('the network is not open')
    return this.#world
  }

  folder(index: number): string {
    return join(this.#root, String(index))
  }

  /** Makes the world anew and starts every node. */
  async open(): Promise<void> {
    this.#offsetMs = 0
    rmSync(this.#root, { recursive: true, force: true })
    this.#places = nodeNames.map((_, index) => {
      const seed = new Uint8Array(randomBytes(32))
      return {
        index,
        folder: join(this.folder(index), 'store'),
        seed,
        did: didOfKey(signingKeyFromSeed(seed).publicKey),
        running: undefined,
        doors: undefined,
        delayMs: 0,
        isDiskFull: false,
        group: 0,
      }
    })
    const now = Date.now()
    for (const { index } of this.#places) mkdirSync(this.folder(index), { recursive: true, mode: 0o700 })
    const { network, ...world } = await writeWorld(this.#places as unknown as readonly [DevNode, DevNode, DevNode], now, `http://${this.#address('gateway', 0)}`)
    this.#world = world
    this.#network = network
    writeFileSync(this.passphraseFile, `${devPassphrase}\n`, { mode: 0o600 })
    await writeKeys(this.folder(0), ['Ana', 'Ben', 'Chen', 'Dora', 'Eli'], now)
    for (const place of this.#places) await this.#furnish(place, now)
    await Promise.all(this.#places.map((place) => this.#start(place)))
  }

  get passphraseFile(): string {
    return join(this.folder(0), 'passphrase')
  }

  get nodes(): readonly NodeState[] {
    return this.#places.map(({ index, running, doors, did, delayMs, isDiskFull, group }) => {
      const at = running === undefined ? undefined : doors
      return {
        node: index,
        name: nodeNames[index] as string,
        state: at === undefined ? 'down' : 'running',
        did,
        gateway: at?.gateway ?? null,
        rpc: at?.rpc ?? null,
        metrics: at?.metrics ?? null,
        folder: this.folder(index),
        log: this.#log(index),
        delay_ms: delayMs,
        disk_full: isDiskFull,
        group,
      }
    })
  }

  get now(): Date {
    return new Date(Date.now() + this.#offsetMs)
  }

  /** Moves every clock: +1mo, +3d, -2h; `real` puts them back. Refuses anything else. */
  async clock(step: string): Promise<void> {
    const now = step === 'real' ? new Date() : laterBy(this.now, step)
    if (now === undefined) throw new OrderRefused('a step is a sign, a number and s, m, h, d, w, mo or y, for example +1mo; or: real')
    this.#offsetMs = now.getTime() - Date.now()
    await this.#all({ do: 'clock', offsetMs: this.#offsetMs })
  }

  /** Groups of nodes that reach each other and nobody else, for example 0|1,2. */
  async partition(text: string): Promise<void> {
    const groups = text.split('|').map((group) => group.split(',').map((one) => this.#place(one).index))
    const named = groups.flat()
    if (groups.length < 2 || new Set(named).size !== named.length || named.length !== this.#places.length)
      throw new OrderRefused('name every node once, with | between those who lose each other, for example 0|1,2')
    for (const [number, group] of groups.entries()) for (const index of group) this.#place(String(index)).group = number
    await this.#parted()
  }

  async heal(): Promise<void> {
    for (const place of this.#places) place.group = 0
    await this.#parted()
  }

  /** What this node sends leaves so much later. */
  async slow(node: string, by: string): Promise<void> {
    const place = this.#place(node)
    const [, digits, unit] = /^(\d{1,6})(ms|s)?$/.exec(by) ?? []
    if (digits === undefined) throw new OrderRefused('by how much, for example 300ms; 0 ends it')
    place.delayMs = Math.min(Number(digits) * (unit === 's' ? 1_000 : 1), 60_000)
    await place.running?.order({ do: 'slow', delayMs: place.delayMs })
  }

  /** Without a word, as in a power cut. */
  async kill(node: string): Promise<void> {
    const place = this.#place(node)
    if (place.running === undefined) throw new OrderRefused(`node ${node} is down already`)
    await place.running.kill()
  }

  async start(node: string): Promise<void> {
    const place = this.#place(node)
    if (place.running !== undefined) throw new OrderRefused(`node ${node} runs already`)
    await this.#start(place)
  }

  async diskFull(node: string, isFull: boolean): Promise<void> {
    const place = this.#place(node)
    place.isDiskFull = isFull
    await place.running?.order({ do: 'disk', isFull })
  }

  /** Everything as at the first start. */
  async reset(): Promise<void> {
    await this.stop()
    await this.open()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#places.map((place) => place.running?.stop()))
    this.#isStopping = false
  }

  #place(node: string): Place {
    const place = /^\d$/.test(node) ? this.#places[Number(node)] : undefined
    if (place === undefined) throw new OrderRefused(`there is no node “${node.slice(0, 20)}”; nodes are 0, 1 and 2`)
    return place
  }

  async #all(order: Order): Promise<void> {
    await Promise.all(this.#places.map((place) => place.running?.order(order)))
  }

  #blockedFor({ group }: Place): readonly Did[] {
    return this.#places.filter((other) => other.group !== group).map(({ did }) => did)
  }

  async #parted(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.running?.order({ do: 'block', peers: this.#blockedFor(place) })))
  }

  async #start(place: Place): Promise<void> {
    const plan: NodePlan = {
      flags: this.#flags(place.index),
      passphraseFile: this.passphraseFile,
      offsetMs: this.#offsetMs,
      delayMs: place.delayMs,
      isDiskFull: place.isDiskFull,
      blocked: this.#blockedFor(place),
    }
    const running = new RunningNode(plan, this.#log(place.index), this.#where?.(place.index).enter, (why) => {
      if (place.running !== running) return
      place.running = undefined
      if (!this.#isStopping) this.#told(`node ${place.index} ${why}`)
    })
    place.running = running
    place.doors = await running.ready
  }

  /** Keys, the network's file, and the people's keys, which are one folder for all. */
  async #furnish({ index, seed }: Place, now: number): Promise<void> {
    const folder = this.folder(index)
    const fresh = (use: 'session' | 'seal') => ({ use, seed: new Secret(new Uint8Array(randomBytes(32))), created_at: now })
    const file = newKeyFile('node', new Secret(Uint8Array.from(seed)), now, { more: [fresh('session'), fresh('seal')] })
    await writeKeyFile(join(folder, 'identity.key'), await sealKeyFile(file, Secret.ofText(devPassphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 }), 'create')
    const others = this.#places.filter((other) => other.index !== index)
    const bootstrap = others.map((other) => peerAddress(`/ip4/${this.#host(other.index)}/tcp/${this.#port('network', other.index)}`, other.did))
    writeFileSync(join(folder, 'network.json'), JSON.stringify({ network_id: this.#network, bootstrap }), { mode: 0o644 })
    if (index > 0) symlinkSync(join('..', '0', 'keys'), join(folder, 'keys'))
  }

  #flags(index: number): Readonly<Record<string, string>> {
    return {
      data_dir: this.folder(index),
      'node.name': nodeNames[index] as string,
      'gateway.listen': `${this.#host(index)}:${this.#port('gateway', index)}`,
      'rpc.listen': this.#address('rpc', index),
      'metrics.listen': this.#address('metrics', index),
      'network.listen_addr': `/ip4/${this.#host(index)}/tcp/${this.#port('network', index)}`,
      'network.ws_listen_addr': '',
      'gateway.found_by': 'anyone',
      'supervisor.metrics_update_interval_secs': '1',
      'log.level': 'info',
      ...this.#more,
    }
  }

  #address(door: DoorName, index: number): string {
    return `127.0.0.1:${this.#port(door, index)}`
  }

  #host(index: number): string {
    return this.#where?.(index).host ?? '127.0.0.1'
  }

  #log(index: number): string {
    return join(this.folder(index), 'icnd.log')
  }
}

type DoorName = keyof typeof ports

const ports = { gateway: 8_080, rpc: 5_601, metrics: 9_100, network: 7_777 } as const
