import { type MethodName, restPath, rowOf } from '@icn/protocol'
import type { LocalCommand } from './command.ts'
import { exampleOf, exampleWords } from './examples.ts'
import { type CommandSpec, type Field, shortFor, specOf } from './fields.ts'
import { globalFlags } from './globals.ts'
import { type Leaf, leaves } from './program.ts'
import { renderPairs } from './show/table.ts'
import { indent } from './show/values.ts'
import type { Texts } from './texts/index.ts'

/** Help texts, made from the same table as the commands. */

const saysOf = (leaf: Leaf): string => ('method' in leaf ? rowOf(leaf.method).says : (leaf.local.says ?? rowOf(leaf.local.method as MethodName).says))

const startsWith = (path: readonly string[], start: readonly string[]): boolean => start.every((word, index) => path[index] === word)

/** Of one command, of a noun with its verbs, or of all nouns. */
export function helpText(path: readonly string[], texts: Texts): string {
  const all = leaves()
  const leaf = all.find((one) => one.path.join(' ') === path.join(' '))
  const below = all.filter((one) => startsWith(one.path, path) && one.path.length > path.length)
  if (leaf !== undefined && below.length === 0) return commandHelp(leaf, texts)
  const head = path.length === 0 ? [texts.say('help.about'), ''] : leaf === undefined ? [] : [commandHelp(leaf, texts), '']
  const lines = grouped(below).map((one): [string, string] => [one.path.join(' '), texts.row(saysOf(one))])
  const usage = leaf === undefined ? [`${texts.say('help.usage')}: icnctl ${[...path, path.length === 0 ? '<noun> <verb>' : '<verb>'].join(' ')}`, ''] : []
  const globals =
    path.length === 0
      ? [
          '',
          `${texts.say('help.global')}:`,
          indent(renderPairs(globalFlags.map(({ flags, says, choices }) => [flags, `${texts.say(says)}${choices === undefined ? '' : ` (${choices.join(', ')})`}`]))),
        ]
      : []
  return [...head, ...usage, `${texts.say('help.commands')}:`, indent(renderPairs(lines)), ...globals, '', texts.say('help.more')].join('\n')
}

/** One noun after the other, in the order in which each first comes. */
function grouped(all: readonly Leaf[]): readonly Leaf[] {
  const nouns = [...new Set(all.map(({ path }) => path[0]))]
  return nouns.flatMap((noun) => all.filter(({ path }) => path[0] === noun))
}

function commandHelp(leaf: Leaf, texts: Texts): string {
  return 'method' in leaf ? rowHelp(specOf(leaf.method), texts) : localHelp(leaf.local, texts)
}

const placeholder = (field: Field): string => field.name.replace(/_id$/, '').replaceAll('_', '-').toUpperCase()

function rowHelp(spec: CommandSpec, texts: Texts): string {
  const { positionals, fields, row } = spec
  const args = positionals.map((field) => {
    const word = field.name === 'coop_id' || field.name === 'operation_id' || field.name === 'draft_id' ? 'ID' : placeholder(field)
    const many = (field.type === 'texts' || field.type === 'integers') && field === positionals.at(-1) ? '…' : ''
    return field.required ? `${word}${many}` : `[${word}${many}]`
  })
  const flags = fields.filter((field) => field.name !== 'coop_id').map((field): [string, string] => [flagText(field), about(field, texts)])
  for (const [flag, { field, value }] of Object.entries(shortFor[spec.method] ?? {})) flags.push([`--${flag}`, `--${field} ${value}`])
  const parts = [
    `${texts.say('help.usage')}: ${['icnctl', ...spec.path, ...args].join(' ')}${flags.length === 0 ? '' : ` [--…]`}`,
    '',
    texts.row(row.says),
    ...(flags.length === 0 ? [] : ['', `${texts.say('help.flags')}:`, indent(renderPairs(row.mode === 'list' ? [...flags, ['--all', texts.say('flag.all')]] : flags))]),
    ...exampleLines(exampleOf(exampleWords(spec)), texts),
    ...endOf(spec.method, texts),
  ]
  return parts.join('\n')
}

function flagText(field: Field): string {
  const value: Readonly<Record<Field['type'], string>> = {
    boolean: '',
    integer: ' <n>',
    integers: ' <n,…>',
    texts: ' <…>',
    document: ' <file|json|->',
    time: ' <time>',
    duration: ' <30s|12h|7d>',
    permille: ' <0–1000|0.0–1.0>',
    text: ' <…>',
  }
  return `--${field.flag}${value[field.type]}`
}

function about(field: Field, texts: Texts): string {
  const more = [
    ...(field.required ? [texts.say('help.required')] : []),
    ...(field.choices === undefined ? [] : [texts.say('help.one_of', { values: field.choices.join(', ') })]),
    ...(field.default === undefined || field.default === '' || typeof field.default === 'boolean' ? [] : [texts.say('help.default', { value: field.default })]),
  ]
  return `${texts.row(field.says)}${more.length === 0 ? '' : ` (${more.join('; ')})`}`
}

function localHelp(local: LocalCommand, texts: Texts): string {
  const args = (local.args ?? []).map(({ name, required, many }) => (required ? `${name}${many ? '…' : ''}` : `[${name}${many ? '…' : ''}]`))
  const flags = local.flags ?? []
  return [
    `${texts.say('help.usage')}: ${['icnctl', local.path, ...args].join(' ')}${flags.length === 0 ? '' : ' [--…]'}`,
    '',
    texts.row(local.says ?? rowOf(local.method as MethodName).says),
    ...((local.args ?? []).length === 0 ? [] : ['', `${texts.say('help.arguments')}:`, indent(renderPairs((local.args ?? []).map(({ name, says }) => [name, texts.row(says)])))]),
    ...(flags.length === 0 ? [] : ['', `${texts.say('help.flags')}:`, indent(renderPairs(flags.map(({ flags: flag, says }) => [flag, texts.row(says)])))]),
    ...(local.example === undefined ? [] : exampleLines(local.example, texts)),
    ...(local.method === undefined ? [] : endOf(local.method, texts)),
  ].join('\n')
}

const exampleLines = (example: string, texts: Texts): readonly string[] => ['', `${texts.say('help.example')}:`, indent(example)]

function endOf(method: MethodName, texts: Texts): readonly string[] {
  const row = rowOf(method)
  return [
    ...(row.refuses.length === 0 ? [] : ['', `${texts.say('help.refuses')}:`, indent(wrap(row.refuses.join(' '), 100))]),
    '',
    `${texts.say('help.also')}:`,
    indent(`${row.rest.split(' ')[0]} ${restPath(row)}\n${method}`),
  ]
}

function wrap(text: string, width: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string
    if (last !== '' && last.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.join('\n')
}

/** The command that differs least, when it is close enough to be meant. */
export function nearestCommand(typed: string): string | undefined {
  const scored = leaves().map(({ path }) => ({ name: path.join(' '), away: distance(typed, path.join(' ')) }))
  const best = scored.reduce((a, b) => (b.away < a.away ? b : a))
  return best.away <= Math.max(2, Math.floor(typed.length / 4)) ? best.name : undefined
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((next[j - 1] as number) + 1, (row[j] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length] as number
}
