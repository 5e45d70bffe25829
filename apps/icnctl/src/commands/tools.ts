import type { AboutView, WriteEnvelope } from '@icn/protocol'
import { isMethodName, rowOf } from '@icn/protocol'
import type { Download } from '@icn/sdk'
import packageJson from '../../package.json' with { type: 'json' }
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { whoseRow } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { document } from '../values.ts'

const { version } = packageJson

/** Any row by its method name, the answer as the door gave it. */
async function api(context: Context, given: Given): Promise<number> {
  const [method = '', text] = given.args
  if (!isMethodName(method)) throw new CliRefusal('RPC_METHOD_UNKNOWN', undefined, { method })
  const input = text === undefined ? {} : (document(text, 'JSON') as Record<string, unknown>)
  const row = rowOf(method)
  const client = await context.client(whoseRow(context, row))
  const answer = await client.call(method, input, context.callOptions())
  if (row.mode === 'download') for await (const chunk of answer as Download) process.stdout.write(chunk)
  else context.io.out(JSON.stringify(answer, null, context.settings.output === 'people' && context.io.terminal ? 2 : undefined))
  const { outcome, decision } = (answer ?? {}) as Partial<WriteEnvelope>
  return outcome === 'simulated' && decision?.outcome === 'refused' ? 3 : 0
}

/** This program's version always; the node's when one answers. */
async function showVersion(context: Context): Promise<number> {
  const printer = new Printer(context)
  const about = await (
    context.connect(undefined).call('node.about', {}, { signal: context.signal, timeoutMs: Math.min(context.settings.timeoutMs, 3_000) }) as Promise<AboutView>
  ).catch(() => undefined)
  if (!printer.forPeople) printer.json({ icnctl: version, node: about ?? null })
  else {
    printer.text(`${context.say('version.icnctl')} ${version}`)
    if (about !== undefined) printer.text(`${context.say('version.node')} ${about.version}  ${about.node}\n${context.say('version.network')} ${about.network ?? '–'}`)
  }
  return 0
}

async function help(context: Context, given: Given): Promise<number> {
  const { helpText, nearestCommand } = await import('../help.ts')
  const { leaves } = await import('../program.ts')
  const isKnown = leaves().some(({ path }) => given.args.every((word, index) => path[index] === word))
  if (!isKnown) {
    const command = given.args.join(' ')
    const nearest = nearestCommand(command)
    throw new CliRefusal(
      'INPUT_INVALID',
      'trouble.unknown_command',
      { command },
      nearest === undefined ? undefined : { words: 'trouble.did_you_mean', params: { nearest: `icnctl help ${nearest}` } },
    )
  }
  context.io.out(helpText(given.args, context.texts))
  return 0
}

export const toolCommands: readonly LocalCommand[] = [
  {
    path: 'api',
    says: 'Call any row by its method name.',
    args: [
      { name: 'METHOD', says: 'The method, such as coop.get.', required: true },
      { name: 'JSON', says: 'Its input as JSON.' },
    ],
    run: api,
  },
  { path: 'version', method: 'node.about', says: 'Say which version this is, and which node answers.', run: showVersion },
  { path: 'help', says: 'Explain a command, or list them.', args: [{ name: 'COMMAND', says: 'Noun and verb.', many: true }], run: help },
  {
    path: 'completions',
    says: 'Print completions for a shell.',
    args: [{ name: 'SHELL', says: 'bash, zsh, fish or powershell.', required: true }],
    async run(context, given) {
      const { completions } = await import('../completions.ts')
      context.io.out(completions(given.args[0] ?? ''))
      return 0
    },
  },
]
