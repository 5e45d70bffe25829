import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** The tasks of the launcher `./icn`. Each prints what it runs and ends with its status. */

const root = process.env['ICN_ROOT'] ?? join(import.meta.dirname, '..')
const [task = 'help', ...rest] = process.argv.slice(2)
const node = process.execPath
const quiet = '--disable-warning=ExperimentalWarning'

interface Task {
  readonly says: string
  run(): number
}

const say = (text: string): void => {
  process.stderr.write(`icn: ${text}\n`)
}

/** Larger: what hangs is seen late; smaller: slow machines do not come to the end. */
const testMinutesMax = Number(process.env['ICN_TEST_MINUTES'] ?? 60)

function run(command: string, args: readonly string[], env: Record<string, string> = {}, minutesMax?: number): number {
  say([command === node ? 'node' : command, ...args].join(' '))
  const timeout = minutesMax === undefined ? undefined : minutesMax * 60_000
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env }, timeout })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') {
    say(`ended after ${minutesMax} minutes (ICN_TEST_MINUTES)`)
    return 1
  }
  return status ?? (signal === 'SIGINT' ? 130 : 1)
}

const bin = (name: string): string => join(root, 'node_modules', '.bin', name)
const script = (path: string, args: readonly string[] = []): number => run(node, [quiet, path, ...args])

/** A Debian package that a part of the tests needs, and the program it brings. */
const systemParts = [
  { program: 'promtool', package: 'prometheus', for: 'checking metrics' },
  { program: 'ip', package: 'iproute2', for: 'nodes in network namespaces' },
  { program: 'iptables', package: 'iptables', for: 'nodes in network namespaces' },
  { program: 'chromium', package: 'chromium', for: 'browser tests', due: false },
] as const

/** Installs what the tests need where it may; says what it left out. In CI nothing may be left out. */
function installSystemParts(): boolean {
  const missing = systemParts.filter((part) => !('due' in part) && spawnSync('sh', ['-c', `command -v ${part.program}`]).status !== 0)
  if (missing.length === 0) return true
  const may = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v apt-get']).status === 0
  if (may) {
    say(`installing ${missing.map((part) => part.package).join(' ')} from the system’s packages`)
    const log = join(root, '.cache', 'system-packages.log')
    mkdirSync(join(root, '.cache'), { recursive: true })
    const install = spawnSync('sh', [
      '-c',
      `(apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${missing.map((part) => part.package).join(' ')}) >'${log}' 2>&1`,
    ])
    if (install.status !== 0) say(`the installation failed; see ${log}`)
  }
  const absent = missing.filter((part) => spawnSync('sh', ['-c', `command -v ${part.program}`]).status !== 0)
  for (const part of absent) say(`LEFT OUT: ${part.for}, because ${part.program} is not here (Debian: apt-get install ${part.package})`)
  return absent.length === 0 || process.env['CI'] !== 'true'
}

const suites: Record<string, readonly string[]> = {
  unit: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'scripts/*.test.ts'],
  golden: ['test/golden/**/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts'],
  sim: ['test/sim/**/*.test.ts'],
  net: ['test/net/**/*.test.ts'],
}

function test(): number {
  // The simulator runs as long as it is told to, beside the suites; its smoke run is one of them.
  if (rest[0] === 'sim' && rest.some((arg) => /^--(minutes|runs|nodes|plant)\b/.test(arg))) return script('test/sim/main.ts', rest.slice(1))
  const args = rest.slice()
  let untilFails = false
  let seed: string | undefined
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--until-fails') untilFails = args.splice(i--, 1).length > 0
    else if (args[i] === '--seed') seed = args.splice(i--, 2)[1]
  }
  const named = args[0] !== undefined && (args[0] in suites || args[0] === 'all') ? (args.shift() as string) : 'all'
  const pattern = args.shift()
  if (!installSystemParts()) return 1
  const globs = named === 'all' ? Object.values(suites).flat() : (suites[named] as readonly string[])
  const files = globSync([...globs], { cwd: root, exclude: (name) => name === 'node_modules' }).sort()
  if (files.length === 0) {
    say(`no tests in ${named}`)
    return 2
  }
  const call = ['--test', quiet, '--test-reporter=spec']
  if (pattern !== undefined) call.push(`--test-name-pattern=${pattern}`)
  for (;;) {
    const status = run(node, [...call, ...files], seed === undefined ? {} : { ICN_SEED: seed }, testMinutesMax)
    if (status !== 0 || !untilFails) return status
  }
}

function check(): number {
  const steps: (readonly [string, () => number])[] = [
    ['types', () => run(node, [bin('tsc'), '-p', '.'])],
    ['lint and format', () => run(bin('biome'), ['ci', '--diagnostic-level=error', '.'])],
    ['dead exports', () => run(bin('knip'), ['--no-progress', '--no-config-hints'])],
    ['tidy', () => script('scripts/tidy.ts')],
    ['generated documents', () => script('scripts/generate.ts', ['--check'])],
    [
      'OpenAPI',
      () => run(bin('redocly'), ['lint', 'docs/generated/openapi.json', '--config', 'redocly.yaml'], { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }),
    ],
    ['licences', () => script('scripts/licences.ts')],
  ]
  const failed: string[] = []
  for (const [name, step] of steps) {
    say(`check: ${name}`)
    if (step() !== 0) failed.push(name)
  }
  if (failed.length > 0) say(`check failed: ${failed.join(', ')}`)
  else say('check: all good')
  return failed.length === 0 ? 0 : 1
}

/** Tasks that the shell part of the launcher starts itself. */
const direct: Readonly<Record<string, string>> = {
  dev: 'the development network: three nodes with people, two coops and some trouble to look at [--keep DIR]; ./icn dev status, clock, partition, heal, kill … give it orders',
  run: 'icnd from sources',
  ctl: 'icnctl from sources',
}

const tasks: Record<string, Task> = {
  test: { says: 'tests: [unit|golden|e2e|sim|net|all] [pattern] [--seed N] [--until-fails]; sim --minutes N [--runs N] [--seed S] [--nodes 3-7]', run: test },
  bench: { says: 'benchmarks as ratios: [engine|network (sync, frames, flood, spread)|snapshot]', run: () => script('test/perf/run.ts', rest) },
  check: { says: 'types, lint, dead exports, tidy, generated documents, OpenAPI, licences: what CI runs before the tests', run: check },
  doctor: { says: 'the health of this checkout, and of the daemon if one runs', run: () => script('scripts/doctor.ts', rest) },
  generate: { says: 'writes docs/generated and the rules digest', run: () => script('scripts/generate.ts', rest) },
  help: {
    says: 'this table',
    run() {
      const lines = [...Object.entries(direct), ...Object.entries(tasks).map(([name, { says }]) => [name, says] as const)]
      process.stdout.write(`./icn <task> …\n\n${lines.map(([name, says]) => `  ${name.padEnd(9)} ${says}\n`).join('')}`)
      return 0
    },
  },
}

const chosen = tasks[task]
if (chosen === undefined) {
  say(`there is no task ${task}; ./icn help lists them`)
  process.exitCode = 2
} else process.exitCode = chosen.run()
