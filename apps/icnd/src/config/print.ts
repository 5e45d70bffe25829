import type { LoadedConfig } from './load.ts'
import { environmentName } from './load.ts'
import { type OptionSpec, specs } from './option.ts'

/** Everything that is printed from the table of options. */

const bounds = (spec: OptionSpec): string => {
  if (spec.words !== undefined) return spec.words.map((word) => `\`${word}\``).join(', ')
  if (spec.kind === 'bool') return 'true, false'
  if (spec.min !== undefined && spec.max !== undefined) return `${shown(spec, spec.min)}–${shown(spec, spec.max)}`
  return spec.max === undefined ? spec.kind : `≤ ${shown(spec, spec.max)}`
}

function shown(spec: OptionSpec, value: unknown): string {
  if (spec.kind !== 'bytes' || typeof value !== 'number') return String(value)
  for (const [unit, size] of [
    ['GiB', 1_073_741_824],
    ['MiB', 1_048_576],
    ['KiB', 1_024],
  ] as const)
    if (value >= size && value % size === 0) return `${value / size} ${unit}`
  return String(value)
}

/** Defaults that differ between machines are described, not printed. */
const machineDefaults: Readonly<Record<string, string>> = { data_dir: '`~/.icn`', 'node.name': 'host name' }

function defaultOf(name: string, spec: OptionSpec): string {
  if (machineDefaults[name] !== undefined) return machineDefaults[name]
  if (spec.default === null) return 'none'
  if (Array.isArray(spec.default)) return `\`${JSON.stringify(spec.default)}\``
  return `\`${shown(spec, spec.default)}\``
}

export function renderConfigDocument(): string {
  const rows = Object.entries(specs).map(
    ([name, spec]) =>
      `| \`${name}\` | \`${environmentName(name)}\` | ${defaultOf(name, spec)} | ${bounds(spec)}${spec.unit === undefined ? '' : ` [${spec.unit}]`} | ${spec.says}${spec.reloads ? ' · reloaded on SIGHUP' : ''} |`,
  )
  return `# Options of icnd\n\nPrinted from the table of options; do not edit. Precedence: flag (\`--name=value\`) > environment > \`icn.toml\` in the data directory > default. \`icnd config show\` prints every value with where it came from.\n\n| option | environment | default | bounds [unit] | what it does |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
}

/** A commented `icn.toml` with every default. */
export function renderConfigFile(): string {
  const lines = ['# icn.toml: uncomment what differs from the defaults.', '']
  let section = ''
  for (const [name, spec] of Object.entries(specs)) {
    if (name === 'data_dir') continue
    const [part, key] = name.split('.') as [string, string]
    if (part !== section) {
      section = part
      lines.push(`[${part}]`)
    }
    lines.push(`# ${spec.says}${spec.unit === undefined ? '' : ` [${spec.unit}]`}`, `# ${key} = ${tomlOf(spec)}`)
  }
  return `${lines.join('\n')}\n`
}

function tomlOf(spec: OptionSpec): string {
  if (spec.default === null) return '""'
  if (typeof spec.default === 'string') return JSON.stringify(spec.default)
  return Array.isArray(spec.default) ? JSON.stringify(spec.default) : String(spec.default)
}

/** JSON Schema for editors. */
export function renderConfigSchema(): object {
  const properties: Record<string, { type: 'object'; additionalProperties: false; properties: Record<string, object> }> = {}
  for (const [name, spec] of Object.entries(specs)) {
    const [part, key] = name.split('.') as [string, string | undefined]
    if (key === undefined) continue
    properties[part] ??= { type: 'object', additionalProperties: false, properties: {} }
    properties[part].properties[key] = { description: spec.says, ...schemaOf(spec) }
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'icn.toml', type: 'object', additionalProperties: false, properties }
}

function schemaOf(spec: OptionSpec): object {
  if (spec.words !== undefined) return { enum: spec.words }
  if (spec.kind === 'bool') return { type: 'boolean' }
  if (spec.kind === 'list' || spec.kind === 'listen') return { type: 'array', items: { type: 'string' }, maxItems: spec.max }
  if (spec.kind === 'int') return { type: 'integer', minimum: spec.min, maximum: spec.max }
  if (spec.kind === 'bytes')
    return {
      anyOf: [
        { type: 'integer', minimum: spec.min, maximum: spec.max },
        { type: 'string', pattern: '^\\d+\\s*(KiB|MiB|GiB)?$' },
      ],
    }
  return { type: 'string' }
}

export function renderConfigValues({ config, origins, file }: LoadedConfig): string {
  const width = Math.max(...Object.keys(specs).map((name) => name.length))
  const lines = Object.keys(specs).map((name) => {
    const value = config[name as keyof typeof config]
    return `${name.padEnd(width)}  ${String(Array.isArray(value) ? JSON.stringify(value) : (value ?? 'none')).padEnd(28)}  ${origins[name as keyof typeof origins]}`
  })
  return `${file}\n${lines.join('\n')}\n`
}
