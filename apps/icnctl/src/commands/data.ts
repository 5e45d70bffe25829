import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { exitPartly, type ImportPreview, type JobView, type WriteEnvelope } from '@icn/protocol'
import { writeSafely } from '@icn/protocol/node'
import { type Client, type Download, IcnError } from '@icn/sdk'
import { Given, type LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { exitOfJob, followJob } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { csvOf, indent, showRows } from '../show/values.ts'
import { readBytes, timeText } from '../values.ts'
import { coopGiven } from './coop.ts'

/** Registers in, cooperatives out. */

type Problem = ImportPreview['problems'][number]

interface Imported {
  readonly added: number
  readonly invites: readonly { readonly number: number; readonly code: string }[]
  readonly left_out: readonly Problem[]
}

async function importRegister(context: Context, given: Given): Promise<number> {
  const args = context.settings.coopIdFlagged || given.args.length === 1 ? [context.settings.coopId, ...given.args] : given.args
  const [coopId, file] = args
  if (coopId === undefined || file === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'FILE', says: context.texts.row('The file.') })
  const client = await context.client()
  const preview = (await client.upload(
    'coop.import.preview',
    { coop_id: coopId },
    { bytes: readBytes(file), type: 'text/csv' },
    { signal: context.signal, timeoutMs: context.settings.timeoutMs },
  )) as ImportPreview
  const printer = new Printer(context)
  showPreview(context, printer, preview)
  if (context.settings.dryRun && preview.counts.new > 0) await demandPermission(context, coopId, given.flag('invite'))
  if (given.flag('preview') || context.settings.dryRun) {
    if (!printer.forPeople) printer.json(preview)
    return preview.problems.length > 0 ? exitPartly : 0
  }
  if (preview.counts.new === 0) {
    if (printer.forPeople) printer.text(context.say('import.nothing'))
    else printer.json(preview)
    return preview.problems.length > 0 ? exitPartly : 0
  }
  if (!(await context.agree(context.say('ask.send')))) return 0
  const job = await bringIn(context, client, { coop_id: coopId, token: preview.token, ...(given.flag('invite') ? { invite: true } : {}) })
  return report(context, printer, job, given.text('report') ?? `${coopId}-left-out.csv`)
}

function showPreview(context: Context, printer: Printer, preview: ImportPreview): void {
  const showing = printer.showing()
  context.hint(context.say('import.counts', preview.counts))
  if (preview.rows.length > 0) context.hint(indent(showRows(showing, ['row', 'outcome', 'number', 'name', 'joined_at'], preview.rows)))
  if (preview.problems.length > 0) context.hint(indent(showRows(showing, ['row', 'column', 'code', 'text'], preview.problems)))
  if (preview.absent.length > 0) context.hint(context.say('import.absent', { count: preview.absent.length }))
}

/** A dry run says what the job would ask first: whether the node may bring lines in. Any line will do to ask. */
async function demandPermission(context: Context, coopId: string, invite: boolean): Promise<void> {
  const client = context.connect(await context.identity(), context.settings, { signing: 'node' })
  const options = { signal: context.signal, timeoutMs: context.settings.timeoutMs, dryRun: true }
  const entries = [{ number: 9_999_999, name: 'A', joined_at: new Date(0).toISOString() }]
  const tried = [
    await client.call('coop.entry.add', { coop_id: coopId, entries }, options),
    ...(invite ? [await client.call('coop.invite.create', { coop_id: coopId }, options)] : []),
  ]
  const isLeft = (tried as readonly WriteEnvelope[]).some(({ warnings }) => warnings.some(({ code }) => code === 'NO_GRANT'))
  if (isLeft) throw new CliRefusal('NO_GRANT', 'trouble.grant_import', { id: coopId })
}

async function bringIn(context: Context, client: Client, input: Record<string, unknown>): Promise<JobView> {
  try {
    return await followJob(context, client, (await client.call('coop.import', input, context.callOptions())) as JobView)
  } catch (error) {
    if (!(error instanceof IcnError) || error.code !== 'NO_GRANT') throw error
    throw new CliRefusal('NO_GRANT', 'trouble.grant_import', { id: input['coop_id'] })
  }
}

async function report(context: Context, printer: Printer, job: JobView, file: string): Promise<number> {
  const result = job.result as Imported | undefined
  const left = result?.left_out ?? []
  if (left.length > 0) await writeSafely(file, csvOf(left, ['row', 'column', 'code', 'text']))
  if (!printer.forPeople) printer.json(job)
  else {
    printer.text(context.say('import.added', { count: result?.added ?? 0 }))
    if ((result?.invites.length ?? 0) > 0) printer.text(showRows(printer.showing(), ['number', 'code'], (result as Imported).invites))
    if (left.length > 0) printer.text(context.say('import.left_out', { count: left.length, file }))
  }
  const exit = exitOfJob(job)
  return exit === 0 && left.length > 0 ? exitPartly : exit
}

const parts = [
  { what: 'operations', file: 'operations.ndjson' },
  { what: 'register', file: 'register.csv' },
  { what: 'log', file: 'log.csv' },
  { what: 'officers', file: 'officers.csv' },
] as const

async function exportCoop(context: Context, given: Given): Promise<number> {
  const coopId = coopGiven(context, given)
  const folder = given.text('out') ?? `${coopId}-export`
  const asOf = given.text('asOf')
  const client = await context.client()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files: string[] = []
  for (const { what, file } of parts) {
    const input = { coop_id: coopId, what, ...(given.flag('mine') ? { mine: true } : {}), ...(asOf === undefined ? {} : { as_of_date: timeText(asOf, 'as-of', Date.now()) }) }
    const path = join(folder, file)
    await save((await client.call('coop.export', input, context.callOptions())) as Download, path)
    files.push(path)
    context.hint(context.say('export.wrote', { file: path }))
  }
  const printer = new Printer(context)
  if (!printer.forPeople) printer.json({ coop_id: coopId, files })
  return 0
}

async function save(download: Download, path: string): Promise<void> {
  const stream = createWriteStream(path, { mode: 0o600 })
  const closed = once(stream, 'close')
  for await (const chunk of download) if (!stream.write(chunk)) await once(stream, 'drain')
  stream.end()
  await closed
}

export const dataCommands: readonly LocalCommand[] = [
  {
    path: 'coop import',
    method: 'coop.import',
    says: 'Bring a register in from a CSV file, with a look first.',
    args: [
      { name: 'ID', says: 'Id of the cooperative.', required: true },
      { name: 'FILE', says: 'The file.', required: true },
    ],
    flags: [
      { flags: '--preview', says: 'Only look; bring nothing in.' },
      { flags: '--invite', says: 'Make an invitation for each line.' },
      { flags: '--report <file>', says: 'Where lines that were left out are written.' },
    ],
    run: importRegister,
  },
  {
    path: 'coop preview-import',
    method: 'coop.import.preview',
    args: [
      { name: 'ID', says: 'Id of the cooperative.', required: true },
      { name: 'FILE', says: 'The file.', required: true },
    ],
    run: (context, given) => importRegister(context, new Given(given.args, { preview: true })),
  },
  {
    path: 'coop export',
    method: 'coop.export',
    says: 'Take a cooperative along, as files in a folder.',
    args: [{ name: 'ID', says: 'Id of the cooperative.', required: true }],
    flags: [
      { flags: '--out <dir>', says: 'The folder.' },
      { flags: '--as-of <time>', says: 'The register as it was then.' },
      { flags: '--mine', says: 'Only what is about you.' },
    ],
    run: exportCoop,
  },
]
