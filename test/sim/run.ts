import { commonsSpace, toHex } from '@icn/protocol'
import { Actor, expectedReports, type MannerName, manners } from './actors.ts'
import { Broken, type Checker, checkers } from './checkers/index.ts'
import { hostGroups } from './checkers/convergence.ts'
import { fork, live } from './coop-life.ts'
import { CoopWorld, food } from './coop-world.ts'
import type { Plant } from './plants.ts'
import type { SimNode } from './world.ts'

/** One seed: a cooperative on several nodes lives through everything that can go wrong at once, then everybody meets and every checker looks. */

export interface RunOptions {
  readonly nodes: number
  readonly steps?: number
  /** A bug that is put into the world before anything happens in it. */
  readonly plant?: Plant
  /** The last node's key is in wrong hands once the coop stands. */
  readonly manner?: MannerName
}

export type RunCounts = Record<string, number>

/** How long after the last trouble everybody has met [ms]: several `have` intervals, and the wait before a hole is asked for again. */
const healedMs = 150_000
/** Whoever holds the same for so long goes on doing so [ms]: each has told what it holds twice, and asked in vain once. */
const quietMs = 75_000
const lookMs = 5_000
const stepsUsual = 60

/** Throws Broken with the checker's finding. */
export async function runSeed(seed: number, options: RunOptions): Promise<RunCounts> {
  const world = new CoopWorld(seed, options.nodes)
  const dig = options.plant?.(world)
  const own = checkers.map((checkerOf) => checkerOf(world))
  try {
    await world.open(options.manner === undefined ? 1 + world.chance.below(options.nodes) : options.nodes)
    world.network.farShare = 0.15
    const actor = options.manner === undefined ? undefined : new Actor(world, options.nodes - 1, manners[options.manner])
    for (const node of world.nodes) node.skewMs = world.chance.chance(0.3) ? world.chance.below(20_000) - 10_000 : 0
    for (let i = options.steps ?? stepsUsual; i > 0; i--) {
      await step(world)
      for (const checker of own) await guarded(checker, checker.step)
    }
    if (actor !== undefined) actor.isQuiet = true
    await heal(world)
    for (const checker of own) await guarded(checker, checker.end)
    if (options.manner !== undefined) demandReported(world, options.manner)
    return { nodes: options.nodes, equal: Math.max(...hostGroups(world).map(({ length }) => length)), ...world.counts }
  } finally {
    dig?.()
    world.close()
  }
}

/** Whoever does harm that can be told from bad luck is told of. */
function demandReported(world: CoopWorld, manner: MannerName): void {
  const wanted = expectedReports[manner]
  if (wanted.length > 0 && !world.reports.some(({ kind }) => wanted.includes(kind))) throw new Broken('blame', `nobody has told of the ${manner}: ${wanted.join(', ')}`)
}

/** What a checker stumbles over is its finding too. */
async function guarded(checker: Checker, look: Checker['step'] | Checker['end']): Promise<void> {
  try {
    await look?.call(checker)
  } catch (error) {
    if (error instanceof Broken) throw error
    throw new Broken(checker.name, (error as Error).stack ?? String(error))
  }
}

async function step(world: CoopWorld): Promise<void> {
  const { chance } = world
  if (chance.chance(0.15)) await trouble(world)
  if (world.alive.length > 0) {
    if (chance.chance(0.01)) {
      world.counts.forks++
      await fork(world)
    } else for (let left = 1 + chance.below(3); left > 0 && world.alive.length > 0; left--) await live(world)
  }
  await world.time.pass(chance.chance(0.05) ? chance.below(40_000) : chance.below(2_500))
}

async function trouble(world: CoopWorld): Promise<void> {
  const { chance, network, counts } = world
  switch (chance.below(10)) {
    case 0:
    case 1:
      counts.partitions++
      network.partition(new Map(world.nodes.map(({ did }) => [did, chance.below(2 + chance.below(2))])))
      world.time.after(5_000 + chance.below(60_000), () => network.heal())
      // Much happens on each side before they meet again.
      for (let left = chance.below(12); left > 0 && world.alive.length > 0; left--) {
        await live(world)
        await world.time.pass(chance.below(500))
      }
      break
    case 2:
      network.heal()
      break
    case 3:
      counts.cuts++
      network.cutOne()
      break
    case 4:
      if (world.alive.length > 1) crash(world, chance.pick(world.alive))
      break
    case 5:
      if (world.alive.length > 1) tear(world, chance.pick(world.alive))
      break
    case 6:
      counts.slow++
      network.slowOne(1 + chance.below(20))
      break
    case 7:
      counts.slowDisks++
      chance.pick(world.nodes).slowMs = chance.below(chance.chance(0.3) ? 60_000 : 2_000)
      break
    case 8:
      counts.clockJumps++
      chance.pick(world.nodes).skewMs = chance.chance(0.3) ? chance.below(50_000) - 25_000 : 0
      break
    default:
      counts.redials++
      network.dialAgain()
  }
}

function crash(world: CoopWorld, node: SimNode): void {
  world.counts.crashes++
  node.crash()
  startLater(world, node)
}

/** The power fails in the middle of the next batch that this node writes. */
function tear(world: CoopWorld, node: SimNode): void {
  node.crashInNextWrite(world.chance.chance(0.5) ? 'before' : 'after')
  startLater(world, node)
}

function startLater(world: CoopWorld, node: SimNode): void {
  world.time.after(500 + world.chance.below(20_000), () => {
    if (node.running === undefined && !world.hostile.has(node.did)) node.start()
  })
}

async function heal(world: CoopWorld): Promise<void> {
  world.network.heal()
  for (const node of world.nodes) node.skewMs = node.slowMs = 0
  await world.time.pass(30_000)
  // A tear that no write has met until now is over.
  for (const node of world.nodes) {
    node.keepPower()
    if (node.running === undefined && !world.hostile.has(node.did)) node.start()
  }
  // Looked at by the checkers in the end; here only so that nobody waits for what is over.
  let since = world.time.now()
  let before = ''
  for (const until = since + healedMs; world.time.now() < until; ) {
    await world.time.pass(lookMs)
    const now = digestsOf(world)
    if (now !== before) since = world.time.now()
    before = now
    if (world.time.now() - since >= quietMs && isAgreed(world)) return
  }
}

/** What everybody holds; it changes with whatever arrives anywhere. */
const digestsOf = (world: CoopWorld): string =>
  world.alive.map(({ journal }) => [food, commonsSpace].map((space) => toHex(journal.info(space)?.setDigest ?? new Uint8Array())).join()).join(' ')

/** Nodes that name each other hold the same. */
function isAgreed(world: CoopWorld): boolean {
  const digestAt = ({ journal }: SimNode): string => toHex(journal.info(food)?.setDigest ?? new Uint8Array())
  return hostGroups(world).every((group) => new Set(group.map(digestAt)).size === 1)
}
