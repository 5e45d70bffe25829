import { type MethodName, rowOf } from '@icn/protocol'
import { Command, Option } from 'commander'
import { collect } from './collect.ts'
import { Given, type LocalCommand } from './command.ts'
import { localCommands } from './commands/index.ts'
import type { Context } from './context.ts'
import { type CommandSpec, commandMethods, type Field, shortFor, specOf } from './fields.ts'
import { addGlobalFlags } from './globals.ts'
import { CliRefusal } from './problems.ts'
import { runRow } from './rows.ts'

/** The tree of commands: a loop over the operations table, and what this program adds. */

/** What a parsed command line wants done, once a context is there. */
export interface Chosen {
  readonly options: Readonly<Record<string, unknown>>
  run(context: Context): Promise<number>
}

export type Leaf = { readonly path: readonly string[]; readonly method: MethodName } | { readonly path: readonly string[]; readonly local: LocalCommand }

/** Every command in the order of the table, local ones beside their neighbours. */
export function leaves(): readonly Leaf[] {
  const locals = new Map(localCommands.map((local) => [local.path, local]))
  const fromRows = commandMethods.map((method): Leaf => {
    const name = rowOf(method).cli as string
    const path = name.split(' ')
    const local = locals.get(name)
    locals.delete(name)
    return local === undefined ? { path, method } : { path, local }
  })
  return [...fromRows, ...[...locals.values()].map((local): Leaf => ({ path: local.path.split(' '), local }))]
}

const pile = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value]

function addField(command: Command, field: Field): void {
  if (field.name === 'coop_id') return
  const isMany = field.type === 'texts' || field.type === 'integers'
  for (const [index, flag] of [field.flag, ...field.aliases].entries()) {
    const option = new Option(field.type === 'boolean' ? `--${flag}` : `--${flag} <value>`)
    if (isMany) option.argParser(pile)
    command.addOption(index === 0 ? option : option.hideHelp())
    if (field.type === 'boolean') command.addOption(new Option(`--no-${flag}`).hideHelp())
  }
}

const attribute = (flag: string): string => flag.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** Flags by the name of their field; `--no-x` says false, an absent flag says nothing. */
function typedFlags(command: Command, fields: readonly Field[]): Record<string, string | boolean | readonly string[]> {
  const typed: Record<string, string | boolean | readonly string[]> = {}
  for (const field of fields) {
    for (const flag of [field.flag, ...field.aliases]) {
      const name = attribute(flag)
      if (command.getOptionValueSource(name) !== 'cli') continue
      typed[field.name] = command.getOptionValue(name) as string
    }
  }
  return typed
}

export interface Program {
  readonly root: Command
  chosen(): Chosen | undefined
}

/** Only what the words typed could mean is built: reading a hundred schemas takes longer than most commands. */
export function buildProgram(args: readonly string[]): Program {
  let chosen: Chosen | undefined
  const root = new Command('icnctl')
  root.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} })
  root.helpOption(false).helpCommand(false)
  addGlobalFlags(root)
  const choose = (run: Chosen['run'], command: Command): void => {
    chosen = { options: command.optsWithGlobals(), run }
  }
  const nouns = new Map<string, Command>()
  const nounOf = (path: readonly string[]): Command => {
    if (path.length === 0) return root
    const key = path.join(' ')
    const found = nouns.get(key)
    if (found !== undefined) return found
    const made = nounOf(path.slice(0, -1)).command(path.at(-1) as string)
    made.argument('[rest...]')
    made.helpOption(false).action((rest: readonly string[]) => choose((context) => showNoun(context, path, made.optsWithGlobals()['help'] ? [] : rest), made))
    nouns.set(key, made)
    return made
  }
  for (const leaf of leaves().filter(({ path }) => args.includes(path[0] as string))) {
    // A command may have others below it: `coop import`, `coop invite list`.
    const command = nounOf(leaf.path.slice(0, -1)).command(leaf.path.at(-1) as string)
    if (!nouns.has(leaf.path.join(' '))) nouns.set(leaf.path.join(' '), command)
    command.argument('[args...]').helpOption(false)
    if ('method' in leaf) addRow(command, specOf(leaf.method), choose)
    else addLocal(command, leaf.local, choose)
  }
  root.argument('[rest...]').option('-h, --help')
  root.action((rest: readonly string[]) => choose((context) => showNoun(context, [], root.opts()['help'] ? [] : rest), root))
  return { root, chosen: () => chosen }
}

function addRow(command: Command, spec: CommandSpec, choose: (run: Chosen['run'], command: Command) => void): void {
  const short = Object.entries(shortFor[spec.method] ?? {})
  for (const field of spec.fields) addField(command, field)
  for (const [flag] of short) command.option(`--${flag}`)
  if (spec.row.mode === 'list') command.option('--all')
  command.action((args: readonly string[]) =>
    choose(async (context) => {
      if (command.optsWithGlobals()['help']) return showHelp(context, spec.path)
      const flags = typedFlags(command, spec.fields)
      for (const [flag, { field, value }] of short) {
        if (command.getOptionValue(flag) !== true) continue
        const other = flags[field]
        if (other !== undefined && other !== value) throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: `--${flag}`, field, reason: String(other) })
        flags[field] = value
      }
      const input = await collect(spec, { args, flags }, context)
      return runRow(context, spec, input, { all: command.getOptionValue('all') === true })
    }, command),
  )
}

function addLocal(command: Command, local: LocalCommand, choose: (run: Chosen['run'], command: Command) => void): void {
  for (const { flags, many } of local.flags ?? []) {
    const option = new Option(flags)
    command.addOption(many ? option.argParser(pile) : option)
  }
  command.action((args: readonly string[]) =>
    choose(async (context) => {
      if (command.optsWithGlobals()['help']) return showHelp(context, local.path.split(' '))
      const takes = local.args ?? []
      if (!takes.at(-1)?.many && args.length > takes.length) throw new CliRefusal('INPUT_INVALID', 'trouble.too_many', { value: args[takes.length] })
      return local.run(context, new Given(args, command.opts()))
    }, command),
  )
}

async function showHelp(context: Context, path: readonly string[]): Promise<number> {
  const { helpText } = await import('./help.ts')
  context.io.out(helpText(path, context.texts))
  return 0
}

/** A noun without its verb explains itself; one with an unknown verb is a mistake. */
async function showNoun(context: Context, path: readonly string[], rest: readonly string[]): Promise<number> {
  const { helpText, nearestCommand } = await import('./help.ts')
  if (rest.length > 0) {
    const command = [...path, ...rest].join(' ')
    const nearest = nearestCommand(command)
    throw new CliRefusal(
      'INPUT_INVALID',
      'trouble.unknown_command',
      { command },
      nearest === undefined ? undefined : { words: 'trouble.did_you_mean', params: { nearest: `icnctl ${nearest}` } },
    )
  }
  context.io.out(helpText(path, context.texts))
  return 0
}
