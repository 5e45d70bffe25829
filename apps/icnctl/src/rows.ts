import {
  codeClasses,
  codeText,
  exitFindings,
  exitPartly,
  type JobView,
  type MethodName,
  type Page,
  type Row,
  type TextParams,
  trustLifeMs,
  type WriteEnvelope,
} from '@icn/protocol'
import type { Client, Download, WireMeta } from '@icn/sdk'
import type { Context } from './context.ts'
import { aboutThisNode, type CommandSpec, hashFromNode } from './fields.ts'
import { CliRefusal } from './problems.ts'
import { Printer } from './show/printer.ts'

/** Runs a row as its mode says and prints its answer. Answers the exit code. */

/** Where the tag of a row with a required If-Match is read. */
const tagReaders: Readonly<Partial<Record<MethodName, MethodName>>> = {
  'coop.update_member_role': 'coop.get_member',
  'coop.charter.put': 'coop.charter.get',
}

/** What cannot simply be undone, and the field that has to be said once more. */
export const destructive: Readonly<Partial<Record<MethodName, string>>> = {
  'coop.abandon': 'coop_id',
  'coop.resign': 'coop_id',
  'coop.remove_member': 'did',
}

export type Input = Record<string, unknown>

export async function runRow(context: Context, spec: CommandSpec, input: Input, more: { readonly all?: boolean } = {}): Promise<number> {
  const { method, row } = spec
  const client = await context.client(whoseRow(context, row))
  await prefill(context, client, method, input)
  switch (row.mode) {
    case 'list':
      return runList(context, client, spec, input, more.all === true)
    case 'write':
      return runWrite(context, client, method, input)
    case 'job':
      return runJob(context, client, method, input)
    case 'download':
      for await (const chunk of (await client.call(method, input, context.callOptions())) as Download) process.stdout.write(chunk)
      return 0
    default:
      return runOther(context, client, method, input)
  }
}

/** Whom a row asks for: the machine's operator, anybody, or a person. */
export function whoseRow({ settings }: Context, row: Row): 'operator' | 'anybody' | 'person' {
  if (settings.as === undefined && row.access.every((word) => word === 'operator')) return 'operator'
  return row.access.includes('public') || row.access.includes('operator') ? 'anybody' : 'person'
}

async function prefill(context: Context, client: Client, method: MethodName, input: Input): Promise<void> {
  if (aboutThisNode.has(method) && input['did'] === undefined) input['did'] = (await client.node.about()).node
  if (hashFromNode.has(method) && input['charter_hash'] === undefined) {
    const id = String(input['coop_id'])
    const { charter_hash } = await client.coop.get({ coop_id: id })
    context.hint(context.say('coop.charter_read', { id, hash: charter_hash }))
    if (!context.settings.yes && !context.io.interactive)
      throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'charter-hash', says: context.texts.row('The charter you read.') })
    if (!(await context.agree(context.say('ask.sign'))))
      throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'charter-hash', says: context.texts.row('The charter you read.') })
    input['charter_hash'] = charter_hash
  }
}

async function demandConfirmation(context: Context, method: MethodName, input: Input): Promise<void> {
  const field = method === 'identity.freeze' && input['final'] === true ? 'did' : destructive[method]
  if (field === undefined || context.settings.dryRun) return
  const id = field === 'did' && input['did'] === undefined ? (await context.person()).did : String(input[field])
  if (context.settings.confirm === id) return
  if (!context.io.interactive) throw new CliRefusal('INPUT_INVALID', 'trouble.confirm', { id })
  if (!(await context.io.askYes(context.say('ask.destructive')))) throw new CliRefusal('INPUT_INVALID', 'trouble.confirm', { id })
}

/** An opinion that everybody will read is said once more before it is signed, where somebody is there to read it. */
async function mayBePublic(context: Context, method: MethodName, input: Input): Promise<boolean> {
  const { io, settings, texts } = context
  if (method !== 'trust.edge.set' || settings.dryRun || settings.yes || !io.interactive) return true
  io.note(codeText('TRUST_PUBLIC', { graph: 'social', until_at: Date.now() + trustLifeMs.usual, ...definedOnly({ ...input, until_at: input['expires_at'] }) }, texts.language))
  return context.agree(context.say('ask.sign'))
}

const definedOnly = (values: Input): Input => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** The coop whose names make a list readable. */
export function coopOf(input: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof input['coop_id'] === 'string') return input['coop_id']
  const { space } = input
  return typeof space === 'string' && space.startsWith('coop:') ? space.slice(5) : undefined
}

async function runList(context: Context, client: Client, { method, row }: CommandSpec, input: Input, all: boolean): Promise<number> {
  const printer = new Printer(context)
  const options = context.callOptions()
  const isEachLine = context.settings.output === 'jsonl'
  let page = (await client.call(method, input, options)) as Page & { readonly meta?: WireMeta }
  const { meta } = page
  const items = [...page.items]
  if (isEachLine) for (const item of page.items) printer.json(item)
  while ((all || isEachLine) && page.next_cursor !== null) {
    page = (await client.call(method, { ...input, cursor: page.next_cursor }, options)) as Page
    if (isEachLine) for (const item of page.items) printer.json(item)
    else items.push(...page.items)
  }
  if (isEachLine) return 0
  if (printer.forPeople && !['coop.list_members', 'coop.list', 'charter.templates', 'node.config'].includes(method)) await printer.learnNames(coopOf(input))
  printer.page(method, row, { ...page, items }, meta)
  return 0
}

async function runWrite(context: Context, client: Client, method: MethodName, input: Input): Promise<number> {
  await demandConfirmation(context, method, input)
  if (!(await mayBePublic(context, method, input))) return 0
  const reader = tagReaders[method]
  let options = context.callOptions()
  if (reader !== undefined && options.ifMatch === undefined) {
    const { meta } = (await client.call(reader, { coop_id: input['coop_id'], ...(reader === 'coop.get_member' ? { did: input['did'] } : {}) })) as { readonly meta: WireMeta }
    options = { ...options, ...(meta.etag === undefined ? {} : { ifMatch: meta.etag }) }
  }
  const envelope = (await client.call(method, input, options)) as WriteEnvelope
  return printEnvelope(context, method, input, envelope)
}

/** With `--sign node` nothing may be left over for one's own key. A call says that by drafts, a dry run of it by a warning. */
function demandSigned({ settings }: Context, { outcome, decision, warnings }: WriteEnvelope): void {
  if (outcome === 'drafted') throw new CliRefusal('NO_GRANT', 'trouble.node_signs')
  const left = warnings.find(({ code }) => code === 'NO_GRANT')
  if (settings.sign === 'node' && outcome === 'simulated' && decision?.outcome !== 'refused' && left !== undefined)
    throw new CliRefusal('NO_GRANT', undefined, left.params as TextParams, { words: 'trouble.own_key', params: {} })
}

export async function printEnvelope(context: Context, method: MethodName, input: Readonly<Record<string, unknown>>, envelope: WriteEnvelope): Promise<number> {
  demandSigned(context, envelope)
  const printer = new Printer(context)
  if (printer.forPeople) await printer.learnNames(undefined)
  printer.envelope(method, input, envelope)
  if (envelope.outcome === 'simulated' && envelope.decision?.outcome === 'refused') return 3
  const { spaces } = (envelope.value ?? {}) as { readonly spaces?: readonly { readonly outcome?: string }[] }
  const isPartly = Array.isArray(spaces) && spaces.some(({ outcome }) => outcome === 'refused')
  if (isPartly) context.hint(context.say('say.partly'))
  return isPartly ? exitPartly : 0
}

async function runJob(context: Context, client: Client, method: MethodName, input: Input): Promise<number> {
  const started = (await client.call(method, input, context.callOptions())) as JobView
  const job = await followJob(context, client, started)
  new Printer(context).resource(job)
  return exitOfJob(job)
}

/** Waits for a job; one line each ten seconds where nobody watches, every step where somebody does. */
export async function followJob(context: Context, client: Client, started: JobView): Promise<JobView> {
  let toldAt = 0
  const tell = (job: JobView): void => {
    const { done, total, unit } = job.progress
    const everyMs = context.io.terminal ? 1_000 : 10_000
    if (job.state !== 'running' || Date.now() - toldAt < everyMs || toldAt === 0) {
      toldAt ||= Date.now()
      return
    }
    toldAt = Date.now()
    context.hint(`${job.title}: ${done} / ${total} ${unit}`)
  }
  const stop = (): void => context.hint(context.say('say.look_again_job', { id: started.id }))
  context.signal.addEventListener('abort', stop)
  try {
    return await client.waitForJob(started.id, { signal: context.signal, onProgress: tell })
  } finally {
    context.signal.removeEventListener('abort', stop)
  }
}

export function exitOfJob(job: JobView): number {
  if (job.state === 'done') return 0
  if (job.state !== 'failed') return exitPartly
  return codeClasses[job.problem?.class as keyof typeof codeClasses]?.exit ?? 1
}

async function runOther(context: Context, client: Client, method: MethodName, input: Input): Promise<number> {
  const printer = new Printer(context)
  const value = (await client.call(method, input, context.callOptions())) as { readonly meta?: WireMeta }
  if (printer.forPeople) await printer.learnNames(coopOf(input))
  const { sentences } = (value ?? {}) as { readonly sentences?: readonly string[] }
  // What is written for people to read needs no table of the same beside it.
  if (printer.forPeople && sentences !== undefined)
    printer.text(sentences.map((sentence) => sentence.replace(/did:icn:z[1-9A-HJ-NP-Za-km-z]+/g, (did) => printer.showing().nameOf(did) ?? did)).join('\n'))
  else printer.resource(value, value?.meta)
  // For --if-match: the document itself does not hold its tag.
  const tag = value?.meta?.etag
  if (context.settings.verbose && tag !== undefined) context.io.note(context.say('say.tag', { tag }))
  return exitOf(method, value)
}

/** Findings and half results have exit codes of their own. */
function exitOf(method: MethodName, value: unknown): number {
  const { failed, ok, results } = (value ?? {}) as { readonly failed?: number; readonly ok?: boolean; readonly results?: readonly { readonly outcome: string }[] }
  if (method === 'node.doctor') return (failed ?? 0) > 0 ? exitFindings : 0
  if (method === 'charter.lint') return ok === false ? exitFindings : 0
  if (method === 'operation.submit') {
    const refused = (results ?? []).filter(({ outcome }) => outcome === 'refused').length
    return refused === 0 ? 0 : refused === results?.length ? 3 : exitPartly
  }
  return 0
}
