import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type BackupDrillView, type Code, codes, exitFindings, type JobView, type MethodName, type TextParams } from '@icn/protocol'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { exitOfJob, followJob } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { showRows } from '../show/values.ts'

/** Copies of the whole node: made and tried by the node itself, put back while it stands still. */

/** Paths are those of whoever types them; a node on another machine has other ones. */
const here = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(file))

async function runJob(context: Context, method: MethodName, input: Readonly<Record<string, unknown>>): Promise<JobView> {
  const client = await context.client('operator')
  const filled = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  const job = await followJob(context, client, (await client.call(method, filled, context.callOptions())) as JobView)
  const { problem } = job
  if (job.state === 'failed' && problem !== undefined && problem.code in codes) throw new CliRefusal(problem.code as Code, undefined, problem.params as TextParams)
  return job
}

async function backup(context: Context, given: Given): Promise<number> {
  const encryptTo = given.texts('encryptTo')
  const job = await runJob(context, 'node.backup', {
    file: here(given.args[0]),
    encrypt_to: encryptTo.length === 0 ? undefined : encryptTo,
    passphrase_file: here(given.text('passphraseFile')),
    plaintext: given.text('plaintext'),
  })
  new Printer(context).resource(job.result ?? job)
  if (job.state === 'done') context.hint(context.say('backup.next', { file: (job.result as { readonly file: string }).file }))
  return exitOfJob(job)
}

async function drill(context: Context, given: Given): Promise<number> {
  const job = await runJob(context, 'node.backup.drill', { file: here(given.args[0]) })
  new Printer(context).resource(job.result ?? job)
  return job.state === 'done' && (job.result as BackupDrillView).result !== 'proven' ? exitFindings : exitOfJob(job)
}

interface Line {
  readonly progress?: { readonly step: 'unpack' | 'fold' | 'compare'; readonly done: number; readonly total: number }
  readonly result?: unknown
  readonly problem?: { readonly code: Code; readonly params: TextParams }
}

/** Only the daemon opens its own store: it does the work, and this command says what came of it. */
async function daemonDoes<Result>(context: Context, args: readonly string[]): Promise<{ readonly result: Result; readonly code: number }> {
  const { ICN_ICND: named } = context.environment
  const source = join(import.meta.dirname, '../../../icnd/src/main.ts')
  const [program, first] = named !== undefined ? [named, []] : existsSync(source) ? [process.execPath, ['--disable-warning=ExperimentalWarning', source]] : ['icnd', []]
  const child = spawn(program, [...first, ...args, `--data_dir=${context.settings.dataDir}`], { stdio: ['inherit', 'pipe', 'inherit'], env: process.env, signal: context.signal })
  const ended = once(child, 'close')
  ended.catch(() => {})
  let result: Result | undefined
  let problem: Line['problem']
  let toldAt = Date.now()
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line
    problem ??= line.problem
    if (line.result !== undefined) result = line.result as Result
    if (line.progress === undefined || Date.now() - toldAt < (context.io.terminal ? 1_000 : 10_000)) continue
    toldAt = Date.now()
    context.hint(context.say(`restore.${line.progress.step}`, { done: line.progress.done, total: line.progress.total }))
  }
  const [code] = (await ended) as [number | null]
  if (problem !== undefined) throw new CliRefusal(problem.code, undefined, problem.params)
  if (result === undefined) throw new CliRefusal('INTERNAL', 'restore.daemon_failed', { code: String(code) })
  return { result, code: code ?? 1 }
}

interface Restored {
  readonly made_at: string
  readonly result: 'proven' | 'partial'
  readonly present_unreadable: string | null
  readonly dry_run: boolean
  readonly kept: string | null
  readonly spaces: readonly { readonly space: string; readonly operations: number; readonly root: string; readonly folded: boolean }[]
  readonly lost: readonly {
    readonly space: string
    readonly operations: number
    readonly newest_here: string | null
    readonly newest_there: string | null
    readonly rows: readonly { readonly table: string; readonly count: number }[]
  }[]
}

async function restore(context: Context, given: Given): Promise<number> {
  const [file] = given.args
  if (file === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'FILE', says: context.texts.row('The file.') })
  const flags = [
    ...(context.settings.dryRun ? ['--dry-run'] : []),
    ...(given.flag('asAnotherNode') ? ['--as-another-node'] : []),
    ...(['passphraseFile', 'keyFile'] as const).flatMap((name) => {
      const path = here(given.text(name))
      return path === undefined ? [] : [`--${name === 'keyFile' ? 'key-file' : 'passphrase-file'}=${path}`]
    }),
  ]
  const { result, code } = await daemonDoes<Restored>(context, ['restore', resolve(file), ...flags])
  const printer = new Printer(context)
  if (!printer.forPeople) printer.json(result)
  else printer.text(tellRestored(context, printer, result))
  return code
}

function tellRestored(context: Context, printer: Printer, restored: Restored): string {
  const { spaces, lost, kept } = restored
  const showing = printer.showing()
  const lines = [
    context.say(restored.result === 'proven' ? 'restore.proven' : 'restore.partial', { time: printer.time(restored.made_at) }),
    showRows(showing, ['space', 'operations', 'root'], spaces),
  ]
  if (restored.present_unreadable !== null) lines.push(context.say('restore.unreadable', { reason: restored.present_unreadable }))
  else if (lost.every(({ operations }) => operations === 0)) lines.push(context.say('restore.loses_nothing'))
  else {
    const rows = lost.map((one) => ({ ...one, rows: one.rows.map(({ table, count }) => `${table} ${count}`).join(', ') }))
    lines.push(context.say(restored.dry_run ? 'restore.would_lose' : 'restore.lost'), showRows(showing, ['space', 'operations', 'newest_here', 'newest_there', 'rows'], rows))
  }
  if (restored.dry_run) lines.push(context.say('restore.nothing_done'))
  else {
    if (kept !== null) lines.push(context.say('restore.kept', { folder: kept }))
    lines.push(context.say('restore.next'))
  }
  return lines.join('\n\n')
}

interface Rebuilt {
  readonly spaces: readonly { readonly space: string; readonly root: string; readonly changed: boolean }[]
  readonly changed: number
  readonly kept: string | null
}

async function rebuild(context: Context): Promise<number> {
  const { result, code } = await daemonDoes<Rebuilt>(context, ['rebuild'])
  const printer = new Printer(context)
  if (!printer.forPeople) printer.json(result)
  else {
    const { spaces, changed, kept } = result
    const table = showRows(printer.showing(), ['space', 'root', 'changed'], spaces)
    printer.text([table, context.say(changed === 0 ? 'rebuild.same' : 'rebuild.changed', { count: changed }), context.say('restore.kept', { folder: kept ?? '' })].join('\n\n'))
  }
  return code
}

const file = { name: 'FILE', says: 'The file.' } as const

export const keepingCommands: readonly LocalCommand[] = [
  {
    path: 'backup',
    method: 'node.backup',
    args: [file],
    flags: [
      { flags: '--encrypt-to <did>', says: 'A DID whose key opens it.', many: true },
      { flags: '--passphrase-file <file>', says: 'A file with a passphrase that opens it, mode 0600.' },
      { flags: '--plaintext <words>', says: 'Say members-data-readable-by-anyone-with-this-file to leave it open.' },
    ],
    run: backup,
  },
  { path: 'backup drill', method: 'node.backup.drill', args: [file], run: drill },
  {
    path: 'restore',
    says: 'Put a backup in the place of the node’s data, proven before; the node stands still, and the old data is kept.',
    args: [{ ...file, required: true }],
    flags: [
      { flags: '--key-file <file>', says: 'The sealed key file of somebody the backup is for.' },
      { flags: '--passphrase-file <file>', says: 'A file with a passphrase that opens it, mode 0600.' },
      { flags: '--as-another-node', says: 'Also where the backup is of another node, whose key is lost.' },
    ],
    example: 'icnctl restore elm-20261001T120000Z.icnbackup --dry-run',
    run: restore,
  },
  { path: 'node rebuild', says: 'Derive the node’s data again from its journal alone; the node stands still, and the old data is kept.', run: (context) => rebuild(context) },
]
