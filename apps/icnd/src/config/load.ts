import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { dayMs, isDid, secondMs } from '@icn/protocol'
import { parse, TomlError } from 'smol-toml'
import { type Config, type OptionName, type OptionSpec, type Origin, specs } from './option.ts'

/** Precedence: flag > environment > icn.toml > default. All faults are found at once, each with where it stands. */

export interface ConfigFault {
  readonly where: string
  readonly text: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly origins: Readonly<Record<OptionName, Origin>>
  readonly file: string
  readonly faults: readonly ConfigFault[]
  readonly warnings: readonly string[]
}

export interface ConfigSources {
  /** `--gateway.listen=…` as name → text. */
  readonly flags: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Nothing is kept. */
  readonly ephemeral?: boolean
}

const names = Object.keys(specs) as OptionName[]

/** `gateway.listen` → `ICN_GATEWAY__LISTEN`. */
export function environmentName(name: string): string {
  return `ICN_${name.toUpperCase().replaceAll('.', '__')}`
}

/** Names beside the options that other parts read from the environment. */
const otherEnvironment = new Set(['ICN_ROOT', 'ICN_NODE', 'ICN_PASSPHRASE', 'ICN_PASSPHRASE_FILE', 'ICN_ENDPOINT', 'ICN_PROFILE', 'ICN_AS', 'ICN_COOP', 'ICN_RUNS', 'ICN_SEED'])

export function loadConfig({ flags, environment, ephemeral = false }: ConfigSources): LoadedConfig {
  const faults: ConfigFault[] = []
  const warnings: string[] = []
  const values: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  const take = (name: string, value: unknown, origin: Origin, where: string): void => {
    const spec = specs[name]
    if (spec === undefined) {
      faults.push({ where, text: `there is no option ${name}${nearest(name)}` })
      return
    }
    const read = readValue(spec, value)
    if ('fault' in read) faults.push({ where, text: `${name} ${read.fault}` })
    else {
      values[name] = read.value
      origins[name] = origin
    }
  }
  for (const name of names) {
    const spec = specs[name]
    values[name] = (ephemeral ? spec?.ephemeral : undefined) ?? spec?.default
    origins[name] = 'default'
  }
  const folder = flags.get('data_dir') ?? environment['ICN_DATA_DIR'] ?? String(specs['data_dir']?.default)
  const file = join(resolve(folder), 'icn.toml')
  for (const entry of readFile(file, faults)) take(entry.name, entry.value, 'file', entry.where)
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('ICN_') || text === undefined || otherEnvironment.has(variable)) continue
    const name = names.find((option) => environmentName(option) === variable)
    if (name === undefined) faults.push({ where: variable, text: 'there is no option of this name' })
    else take(name, text, 'environment', variable)
  }
  for (const [name, text] of flags) take(name, text, 'flag', `--${name}`)
  values['data_dir'] = resolve(String(values['data_dir']))
  faults.push(...checkTogether(values as unknown as Config))
  return { config: values as unknown as Config, origins: origins as Record<OptionName, Origin>, file, faults, warnings }
}

function readFile(file: string, faults: ConfigFault[]): { name: string; value: unknown; where: string }[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, 'utf8')
  try {
    const lines = text.split('\n')
    return flatten(parse(text), '').map(({ name, value }) => ({ name, value, where: `${file}${lineOf(lines, name)}` }))
  } catch (error) {
    faults.push({ where: error instanceof TomlError ? `${file}:${error.line}` : file, text: `is not TOML: ${(error as Error).message.split('\n')[0]}` })
    return []
  }
}

function flatten(table: Readonly<Record<string, unknown>>, prefix: string): { name: string; value: unknown }[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const name = prefix + key
    const isTable = value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
    return isTable && specs[name] === undefined ? flatten(value as Record<string, unknown>, `${name}.`) : [{ name, value }]
  })
}

/** Line of the last part of a name, for people; a guess is better than none. */
function lineOf(lines: readonly string[], name: string): string {
  const key = name.split('.').at(-1) as string
  const at = lines.findIndex((line) => line.trimStart().startsWith(`${key} `) || line.trimStart().startsWith(`${key}=`))
  return at < 0 ? '' : `:${at + 1}`
}

type Read = { readonly value: unknown } | { readonly fault: string }

function readValue(spec: OptionSpec, given: unknown): Read {
  switch (spec.kind) {
    case 'bool':
      if (given === true || given === 'true') return { value: true }
      if (given === false || given === 'false') return { value: false }
      return { fault: 'is true or false' }
    case 'int':
    case 'bytes': {
      const value = typeof given === 'bigint' ? Number(given) : typeof given === 'string' ? measure(given, spec) : typeof given === 'number' ? share(given, spec) : given
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) return { fault: `is a whole number${spec.unit === undefined ? '' : ` of ${spec.unit}`}` }
      if (value < (spec.min ?? 0) || value > (spec.max ?? Number.MAX_SAFE_INTEGER))
        return { fault: `is ${spec.min}…${spec.max}${spec.unit === undefined ? '' : ` ${spec.unit}`}; ${value} is not` }
      return { value }
    }
    case 'list':
      return readList(spec, given)
    case 'listen': {
      const list = readList(spec, given)
      if ('fault' in list) return list
      const value = list.value.map((text) => listenAddress(text, spec.ends ?? ''))
      const wrong = value.indexOf(undefined)
      return wrong < 0 ? { value } : { fault: `holds ${JSON.stringify(list.value[wrong])}, which is no address like 0.0.0.0:7777 or /ip4/0.0.0.0/tcp/7777${spec.ends ?? ''}` }
    }
    case 'word':
      return spec.words?.includes(String(given)) ? { value: given } : { fault: `is one of: ${spec.words?.join(', ')}` }
    case 'address':
      return typeof given === 'string' && parseAddress(given) !== undefined ? { value: given } : { fault: 'is an address like 127.0.0.1:8080' }
    case 'path':
      return typeof given === 'string' && given !== '' ? { value: given } : { fault: 'is a path' }
    default:
      if (typeof given !== 'string' || given.length < (spec.min ?? 0) || given.length > (spec.max ?? 1_000))
        return { fault: `is a text of ${spec.min ?? 0} to ${spec.max ?? 1_000} characters` }
      return { value: given }
  }
}

function readList(spec: OptionSpec, given: unknown): { readonly value: readonly string[] } | { readonly fault: string } {
  const list: unknown = typeof given === 'string' ? given.split(',').map((item) => item.trim()) : given
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) return { fault: 'is a list of texts' }
  const value = list.filter(Boolean)
  return value.length > (spec.max ?? 100) ? { fault: `has at most ${spec.max} entries` } : { value }
}

/** The multiaddr of an address of this machine, written as one or as host and port; undefined for what is neither. */
function listenAddress(text: string, ends: string): string | undefined {
  const [, family, ip = '', digits = ''] = /^\/(ip[46])\/([^/]+)\/tcp\/(\d{1,5})(?:\/ws)?$/.exec(text) ?? []
  if (family !== undefined) return `ip${isIP(ip)}` === family && Number(digits) <= 65_535 && text.endsWith(ends) ? text : undefined
  const parsed = parseAddress(text)
  const version = isIP(parsed?.host ?? '')
  return parsed === undefined || version === 0 ? undefined : `/ip${version}/${parsed.host}/tcp/${parsed.port}${ends}`
}

/** A share of one where thousandths are meant: 0.5 is 500 ‰. */
const share = (value: number, spec: OptionSpec): number => (spec.unit === '‰' && !Number.isInteger(value) ? Math.round(value * 1_000) : value)

/** `64MiB`, `5m`, `30s` in the option's own unit. */
function measure(text: string, spec: OptionSpec): number {
  const bytes = /^(\d+)\s*(KiB|MiB|GiB)?$/.exec(text)
  if (spec.kind === 'bytes') return bytes === null ? Number.NaN : Number(bytes[1]) * ({ KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 }[bytes[2] ?? ''] ?? 1)
  const time = /^(\d+)\s*(ms|s|m|h|d)$/.exec(text)
  const unitMs = { ms: 1, s: 1_000, days: 86_400_000 }[spec.unit ?? '']
  if (time !== null && unitMs !== undefined) return (Number(time[1]) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[time[2] as string] as number)) / unitMs
  if (spec.unit === '‰' && /^[01]\.\d{1,3}$/.test(text)) return Math.round(Number(text) * 1_000)
  return /^-?\d+$/.test(text) ? Number(text) : Number.NaN
}

export function parseAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  return match === null || port > 65_535 ? undefined : { host: (match[1] ?? match[2]) as string, port }
}

export const isLoopback = (address: string): boolean => {
  const host = parseAddress(address)?.host ?? ''
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}

/** What no option shows alone: listeners on one port, a door that would stand open. */
function checkTogether(config: Config): ConfigFault[] {
  const faults: ConfigFault[] = []
  const listeners = [
    ['gateway.listen', config['gateway.listen'], config['gateway.enabled']],
    ['rpc.listen', config['rpc.listen'], config['rpc.enabled']],
    ['metrics.listen', config['metrics.listen'], config['metrics.enabled']],
  ] as const
  const taken = new Map<number, string>()
  for (const [name, address, enabled] of listeners) {
    const port = parseAddress(address)?.port ?? 0
    if (!enabled || port === 0) continue
    const other = taken.get(port)
    if (other !== undefined) faults.push({ where: name, text: `uses port ${port}, as ${other} does` })
    taken.set(port, name)
  }
  for (const name of ['network.listen_addr', 'network.ws_listen_addr'] as const)
    for (const address of config[name]) {
      const port = Number(address.split('/')[4])
      const other = taken.get(port)
      if (other !== undefined && other !== name) faults.push({ where: name, text: `uses port ${port}, as ${other} does` })
      if (port !== 0) taken.set(port, name)
    }
  if (config['rpc.enabled'] && !isLoopback(config['rpc.listen'])) faults.push({ where: 'rpc.listen', text: 'is the operator’s door and listens on loopback only' })
  if (config['metrics.enabled'] && !isLoopback(config['metrics.listen']) && config['metrics.token_file'] === null)
    faults.push({ where: 'metrics.listen', text: 'is not loopback; set metrics.token_file' })
  const guarded = config['gateway.tls_cert_file'] !== null || config['gateway.trusted_proxies'].length > 0 || config['gateway.insecure_http'] !== null
  if (config['gateway.enabled'] && !isLoopback(config['gateway.listen']) && !guarded)
    faults.push({
      where: 'gateway.listen',
      text: 'is not loopback; set gateway.tls_cert_file and tls_key_file, or gateway.trusted_proxies, or spell out the danger in gateway.insecure_http',
    })
  if ((config['gateway.tls_cert_file'] === null) !== (config['gateway.tls_key_file'] === null))
    faults.push({ where: 'gateway.tls_key_file', text: 'and gateway.tls_cert_file go together' })
  for (const where of ['trust.perspective', 'network.allow_peers'] as const)
    for (const did of config[where]) if (!isDid(did)) faults.push({ where, text: `holds ${did}, which is no DID` })
  if (config['network.candidate_ttl_secs'] < 2 * config['network.candidate_announce_interval_secs'])
    faults.push({ where: 'network.candidate_ttl_secs', text: 'is at least twice network.candidate_announce_interval_secs' })
  if (config['network.drain_ms'] >= config['supervisor.shutdown_timeout_secs'] * secondMs)
    faults.push({ where: 'network.drain_ms', text: 'is less than supervisor.shutdown_timeout_secs, which would cut it off' })
  if (config['snapshot.absence_grace_secs'] * secondMs > (config['journal.undo_days'] * dayMs) / 2)
    faults.push({ where: 'snapshot.absence_grace_secs', text: 'is at most half of journal.undo_days' })
  if (!isAbsolute(config.data_dir)) faults.push({ where: 'data_dir', text: 'is an absolute path' })
  return faults
}

/** The known name that is closest to a wrong one. */
function nearest(name: string): string {
  const scored = names.map((known) => ({ known, distance: editDistance(name, known) })).sort((a, b) => a.distance - b.distance)[0]
  return scored !== undefined && scored.distance <= 5 ? `; did you mean ${scored.known}?` : ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((next[j - 1] as number) + 1, (row[j] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length] as number
}
