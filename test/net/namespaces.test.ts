import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { conflict } from '../e2e/conflict.ts'

/**
 * Three nodes, each in a network namespace of its own, joined by veth to a bridge, with a narrow and lossy link. The test runs itself again in
 * a namespace of its own, so that nothing of it is left on the machine and nobody else's packets are touched.
 */

const inside = 'ICN_TEST_INSIDE'
const lossPermille = 20
const rate = '20mbit'
/** One way, on each node's link. */
const delayMs = 40
/** From a block that the network takes for public; it leaves the namespace nowhere. */
const hostOf = (index: number): string => `45.0.0.${10 + index}`
const nameOf = (index: number): string => `icn${index}`

const ran = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0

function must(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
}

const within = (index: number, ...args: readonly string[]): void => must('ip', 'netns', 'exec', nameOf(index), ...args)

/** What keeps namespaces from being made here; undefined: nothing. */
function obstacle(): string | undefined {
  for (const program of ['unshare', 'ip', 'tc', 'iptables']) if (!ran('sh', '-c', `command -v ${program}`)) return `${program} is not here`
  return ran('unshare', '-nm', 'true') ? undefined : 'this user may make no namespaces'
}

/** A bridge, and for each node a namespace with a link to it. True: the kernel delays packets; otherwise the nodes hand their frames over later. */
function build(): boolean {
  mkdirSync('/run/netns', { recursive: true })
  must('mount', '-t', 'tmpfs', 'netns', '/run/netns')
  must('ip', 'link', 'set', 'lo', 'up')
  must('ip', 'link', 'add', 'wan', 'type', 'bridge')
  must('ip', 'addr', 'add', '45.0.0.1/24', 'dev', 'wan')
  must('ip', 'link', 'set', 'wan', 'up')
  let delays = true
  for (const index of [0, 1, 2]) {
    must('ip', 'netns', 'add', nameOf(index))
    must('ip', 'link', 'add', `v${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', nameOf(index))
    must('ip', 'link', 'set', `v${index}`, 'master', 'wan', 'up')
    within(index, 'ip', 'link', 'set', 'lo', 'up')
    within(index, 'ip', 'addr', 'add', `${hostOf(index)}/24`, 'dev', 'eth0')
    within(index, 'ip', 'link', 'set', 'eth0', 'up')
    // Only between the nodes: the people of the test stand beside theirs.
    for (const other of [0, 1, 2])
      if (other !== index)
        within(index, 'iptables', '-A', 'INPUT', '-s', hostOf(other), '-m', 'statistic', '--mode', 'random', '--probability', String(lossPermille / 1_000), '-j', 'DROP')
    delays &&= ran('ip', 'netns', 'exec', nameOf(index), 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'netem', 'delay', `${delayMs}ms`)
    if (!delays) within(index, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', rate, 'burst', '32kb', 'latency', '200ms')
  }
  return delays
}

/** Packets between node 0 and the others vanish; nobody is told. */
function part(action: '-I' | '-D'): void {
  for (const other of [1, 2]) {
    within(0, 'iptables', action, 'INPUT', '-s', hostOf(other), '-j', 'DROP')
    within(other, 'iptables', action, 'INPUT', '-s', hostOf(0), '-j', 'DROP')
  }
}

async function run(t: TestContext): Promise<void> {
  const delays = build()
  if (!delays) t.diagnostic('this kernel delays no packets (netem): the nodes hand their frames over later instead')
  const root = mkdtempSync(join(tmpdir(), 'icn-netns-'))
  const network = new DevNetwork({
    root,
    told: () => {},
    flags: { 'gateway.rate_permille': '1000000', 'gateway.insecure_http': 'anyone-on-this-network-can-read-and-change-everything' },
    place: (index) => ({ host: hostOf(index), enter: ['ip', 'netns', 'exec', nameOf(index)] }),
  })
  t.after(async () => {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  })
  await network.open()
  if (!delays) for (const index of ['0', '1', '2']) await network.slow(index, `${delayMs}ms`)
  await conflict(t, network, { part: async () => part('-I'), heal: async () => part('-D') })
}

if (process.env[inside] === 'yes') it('three namespaces under load part, change the same things, lose one to a kill, and end equal', { timeout: 500_000 }, run)
else {
  const missing = obstacle()
  // In CI nothing may be left out.
  const skip = missing !== undefined && process.env['CI'] !== 'true' ? `no namespaces: ${missing}` : false
  it('three nodes in network namespaces of their own', { timeout: 560_000, skip }, (t) => {
    assert.equal(missing, undefined)
    const args = ['-nm', process.execPath, '--disable-warning=ExperimentalWarning', '--test-reporter=spec', import.meta.filename]
    // A runner inside a runner would report to the outer one.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 540_000, env: { ...env, [inside]: 'yes' } })
    for (const line of stdout.split('\n')) if (line.startsWith('ℹ') && !/tests|suites|pass|fail|cancelled|skipped|todo|duration/.test(line)) t.diagnostic(line.slice(2))
    assert.equal(status, 0, `${stdout}\n${stderr}`)
  })
}
