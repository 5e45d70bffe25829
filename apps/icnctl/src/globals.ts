import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Language, pickLanguage } from '@icn/protocol'
import { type Command, Option } from 'commander'
import { parse as parseToml } from 'smol-toml'
import { CliRefusal } from './problems.ts'
import type { Words } from './texts/index.ts'
import { durationMs } from './values.ts'

/** What every command takes: flag before environment before profile before default. */
export interface Settings {
  readonly endpoint: string
  readonly transport: 'rest' | 'rpc'
  /** Somebody has said which door; an invitation's own is not used then. */
  readonly endpointGiven: boolean
  readonly dataDir: string
  readonly as: string | undefined
  readonly coopId: string | undefined
  /** Named on this command line, not by environment or profile. */
  readonly coopIdFlagged: boolean
  readonly output: 'people' | 'json' | 'jsonl' | 'csv'
  readonly dryRun: boolean
  readonly explain: boolean
  readonly yes: boolean
  readonly confirm: string | undefined
  readonly ifUnchanged: string | undefined
  readonly ifMatch: string | undefined
  readonly idempotencyKey: string | undefined
  readonly wait: 'applied' | 'final' | undefined
  readonly timeoutMs: number
  readonly sign: 'device' | 'node'
  readonly language: Language
  readonly color: boolean
  readonly wide: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

export type Environment = Readonly<Record<string, string | undefined>>

const timeoutMsDefault = 30_000
const doorDefault = '127.0.0.1:5601'

interface GlobalFlag {
  readonly flags: string
  readonly says: Words
  readonly choices?: readonly string[]
}

export const globalFlags: readonly GlobalFlag[] = [
  { flags: '-e, --endpoint <door>', says: 'flag.endpoint' },
  { flags: '-d, --data-dir <dir>', says: 'flag.data_dir' },
  { flags: '--profile <name>', says: 'flag.profile' },
  { flags: '--as <identity>', says: 'flag.as' },
  { flags: '-c, --coop-id <id>', says: 'flag.coop_id' },
  { flags: '--json', says: 'flag.json' },
  { flags: '--jsonl', says: 'flag.jsonl' },
  { flags: '--csv', says: 'flag.csv' },
  { flags: '--dry-run', says: 'flag.dry_run' },
  { flags: '--explain', says: 'flag.explain' },
  { flags: '-y, --yes', says: 'flag.yes' },
  { flags: '--confirm <id>', says: 'flag.confirm' },
  { flags: '--if-unchanged <token>', says: 'flag.if_unchanged' },
  { flags: '--if-match <tag>', says: 'flag.if_match' },
  { flags: '--idempotency-key <key>', says: 'flag.idempotency_key' },
  { flags: '--wait <state>', says: 'flag.wait', choices: ['applied', 'final'] },
  { flags: '--timeout <time>', says: 'flag.timeout' },
  { flags: '--sign <who>', says: 'flag.sign', choices: ['device', 'node'] },
  { flags: '--lang <language>', says: 'flag.lang' },
  { flags: '--color <when>', says: 'flag.color', choices: ['auto', 'always', 'never'] },
  { flags: '--wide', says: 'flag.wide' },
  { flags: '-q, --quiet', says: 'flag.quiet' },
  { flags: '-v, --verbose', says: 'flag.verbose' },
]

export function addGlobalFlags(program: Command): void {
  for (const { flags, choices } of globalFlags) {
    const option = new Option(flags)
    program.addOption(choices === undefined ? option : option.choices([...choices]))
  }
}

/** The language of texts, known before anything else so that also a wrong flag is answered in it. */
export function languageOf(args: readonly string[], environment: Environment): Language {
  const at = args.indexOf('--lang')
  const flag = at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith('--lang='))?.slice(7)
  const locale = flag ?? environment['ICN_LANG'] ?? environment['LC_ALL'] ?? environment['LC_MESSAGES'] ?? environment['LANG']
  return pickLanguage(locale?.replace(/[.@].*$/, '').replaceAll('_', '-'))
}

interface Profile {
  readonly endpoint?: string
  readonly as?: string
  readonly coop_id?: string
}

function profileOf(dataDir: string, name: string | undefined): Profile {
  if (name === undefined) return {}
  const file = join(dataDir, 'profiles.toml')
  let found: unknown
  try {
    found = (parseToml(readFileSync(file, 'utf8')) as Record<string, unknown>)[name]
  } catch {
    found = undefined
  }
  if (typeof found !== 'object' || found === null) throw new CliRefusal('INPUT_INVALID', 'trouble.profile', { name, file })
  return found as Profile
}

/** HOST:PORT is a node's JSON-RPC; an address is a gateway, unless it ends in /rpc. */
export function readDoor(door: string): Pick<Settings, 'endpoint' | 'transport'> {
  const isAddress = /^https?:\/\//.test(door)
  const plain = door.replace(/\/+$/, '')
  if (!isAddress) return { endpoint: `http://${plain}`, transport: 'rpc' }
  return { endpoint: plain, transport: plain.endsWith('/rpc') ? 'rpc' : 'rest' }
}

export function readSettings(given: Readonly<Record<string, unknown>>, surroundings: Environment, terminal: boolean, language: Language): Settings {
  // A variable that is set to nothing says nothing.
  const environment = Object.fromEntries(Object.entries(surroundings).filter(([, value]) => value !== ''))
  const text = (name: string): string | undefined => (typeof given[name] === 'string' ? (given[name] as string) : undefined)
  const dataDir = text('dataDir') ?? environment['ICN_DATA_DIR'] ?? join(homedir(), '.icn')
  const profile = profileOf(dataDir, text('profile') ?? environment['ICN_PROFILE'])
  const door = text('endpoint') ?? environment['ICN_ENDPOINT'] ?? profile.endpoint
  const color = text('color') ?? 'auto'
  const output = given['json'] ? 'json' : given['jsonl'] ? 'jsonl' : given['csv'] === true ? 'csv' : 'people'
  return {
    ...readDoor(door ?? doorDefault),
    endpointGiven: door !== undefined,
    dataDir,
    as: text('as') ?? environment['ICN_AS'] ?? profile.as,
    coopId: text('coopId') ?? environment['ICN_COOP'] ?? profile.coop_id,
    coopIdFlagged: text('coopId') !== undefined,
    output,
    dryRun: given['dryRun'] === true,
    explain: given['explain'] === true,
    yes: given['yes'] === true,
    confirm: text('confirm'),
    ifUnchanged: text('ifUnchanged'),
    ifMatch: text('ifMatch'),
    idempotencyKey: text('idempotencyKey'),
    wait: text('wait') as Settings['wait'],
    timeoutMs: text('timeout') === undefined ? timeoutMsDefault : durationMs(text('timeout') as string, '--timeout'),
    sign: (text('sign') as Settings['sign'] | undefined) ?? 'device',
    language,
    // Machines never get colour: the answer must be exact.
    color: output === 'people' && (color === 'always' || (color === 'auto' && terminal && !environment['NO_COLOR'])),
    wide: given['wide'] === true,
    quiet: given['quiet'] === true,
    verbose: given['verbose'] === true,
  }
}
