import { createHash } from 'node:crypto'
import { readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  charterHashOf,
  charterStatementPayload,
  type CharterView,
  type DraftJson,
  isDid,
  type SettingView,
  type SignedOperationJson,
  signStatement,
  toBase64Url,
  type WriteEnvelope,
} from '@icn/protocol'
import { writeSafely } from '@icn/protocol/node'
import { type Client, IcnError } from '@icn/sdk'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { specOf } from '../fields.ts'
import type { KeyEntry } from '../keys.ts'
import { CliRefusal } from '../problems.ts'
import { printEnvelope, runRow } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { indent, showResource } from '../show/values.ts'
import { document, wholeNumber, yesOrNo } from '../values.ts'

/** Founding and signing: what a person's own key does, step by step, so that each step can be taken again. */

/** How many cooperatives of one name by one person are looked past. Larger: as many questions before the first answer; smaller: the node draws the letters after so many. */
const sameNameMax = 10

interface Founder {
  readonly did: string
  readonly name: string
  readonly roles?: readonly string[]
}

/** `DID[=ROLE,…] [NAME]` */
function readFounder(text: string): Founder {
  const [, did = '', roles, name] = /^(\S+?)(?:=(\S+))?(?:\s+(.+))?$/.exec(text.trim()) ?? []
  if (!isDid(did)) throw new CliRefusal('DID_INVALID', undefined, { reason: 'shape' })
  return { did, name: name ?? `…${did.slice(-8)}`, ...(roles === undefined ? {} : { roles: [...new Set(['member', ...roles.split(',')])] }) }
}

/** Whoever founds is a founder, and a steward unless something else was said. */
function foundersOf(given: Given, entry: KeyEntry): readonly Founder[] {
  const named = given.texts('founder').map(readFounder)
  const own: Founder = { did: entry.did, name: given.text('myName') ?? entry.label ?? entry.name, roles: ['member', 'steward'] }
  return named.some(({ did }) => did === entry.did) ? named : [own, ...named]
}

/** `CODE` or `CODE:NAME:DECIMALS` */
function readUnit(text: string): Record<string, unknown> {
  const [code = '', name, decimals] = text.split(':')
  return { code, ...(name === undefined ? {} : { name }), ...(decimals === undefined ? {} : { decimals: wholeNumber(decimals, 'unit') }) }
}

async function createInput(given: Given, entry: KeyEntry): Promise<Record<string, unknown>> {
  const name = given.args[0] ?? given.text('name')
  const type = given.args[1] ?? given.text('type')
  const field = (key: string, value: unknown): Record<string, unknown> => (value === undefined ? {} : { [key]: value })
  const charter = given.text('charter')
  const draft = given.text('draft')
  const need = given.text('minFounders')
  const unit = given.text('unit')
  return {
    ...field('name', name),
    ...field('type', type),
    ...field('id', given.text('id')),
    ...field('template', given.text('template')),
    ...(charter === undefined && draft === undefined ? { founders: foundersOf(given, entry) } : {}),
    ...field('unit', unit === undefined ? undefined : readUnit(unit)),
    ...field('min_founders', need === undefined ? undefined : wholeNumber(need, 'min-founders')),
    ...field('language', given.text('language')),
    ...field('time_zone', given.text('timeZone')),
    ...field('charter', charter === undefined ? undefined : document(charter, 'charter')),
    ...field('draft_id', draft),
  }
}

/** A first operation that was signed and has not been answered: the same bytes are handed in again. */
interface Kept {
  readonly did: string
  readonly endpoint: string
  readonly signed: SignedOperationJson
}

const foundings = (context: Context): string => join(context.settings.dataDir, 'run', 'foundings')
const keptFile = (context: Context, coopId: string): string => join(foundings(context), `${coopId}.json`)

async function findKept(context: Context, entry: KeyEntry, input: Readonly<Record<string, unknown>>): Promise<Kept | undefined> {
  for (const name of await readdir(foundings(context)).catch(() => [] as string[])) {
    if (!name.endsWith('.json') || name.startsWith('.')) continue
    const kept = JSON.parse(await readFile(join(foundings(context), name), 'utf8')) as Kept
    const { body } = kept.signed
    const isMeant = input['id'] === undefined ? body?.['name'] === input['name'] : body?.['coop_id'] === input['id']
    if (isMeant && kept.did === entry.did && kept.endpoint === context.settings.endpoint) return kept
  }
  return undefined
}

const coopIdOf = (signed: SignedOperationJson): string => String(signed.body?.['coop_id'])

async function handIn(context: Context, client: Client, kept: Kept): Promise<WriteEnvelope> {
  const { dryRun: _, ...options } = context.callOptions()
  const envelope = (await client.call('coop.create', { signed: kept.signed }, options)) as WriteEnvelope
  await unlink(keptFile(context, coopIdOf(kept.signed))).catch(() => {})
  return envelope
}

/** Whether the door has forgotten the bytes, so that a new first operation does not make a second coop. */
const isForgotten = (error: unknown): boolean => error instanceof IcnError && ['LATE', 'CLOCK_AHEAD'].includes(error.code)

function describe(context: Context, operation: DraftJson['operation']): string {
  const { charter, coop_id, name, type } = (operation.body ?? {}) as { charter?: Record<string, unknown>; coop_id?: string; name?: string; type?: string }
  const founders = (charter?.['founders'] ?? []) as readonly Founder[]
  const need = (charter?.['membership'] as { min_founders?: number } | undefined)?.min_founders ?? founders.length
  const lines = founders.map(({ did, name: who, roles }) => `${who}  ${did}  ${(roles ?? ['member']).join(', ')}`)
  return [
    context.say('coop.founding', { name, id: coop_id, type }),
    `${context.say('coop.founders')}:`,
    indent(lines.join('\n')),
    context.say('coop.need', { need, count: founders.length }),
  ].join('\n')
}

/**
 * Without --id the node puts letters behind the name, drawn from the key of the request. Here that key is made of the person and the name,
 * so that a dry run names the id under which is founded then.
 */
async function withId(context: Context, client: Client, entry: KeyEntry, input: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const { id, draft_id, charter } = input as { id?: string; draft_id?: string; charter?: { coop_id?: unknown } }
  if (id !== undefined || draft_id !== undefined || charter?.coop_id !== undefined || context.settings.idempotencyKey !== undefined) return input
  const { signal, settings } = context
  for (let turn = 0; turn < sameNameMax; turn++) {
    const idempotencyKey = createHash('sha256')
      .update(JSON.stringify([entry.did, input['name'], turn]))
      .digest('hex')
      .slice(0, 32)
    try {
      const { value } = (await client.call('coop.create', input, { signal, timeoutMs: settings.timeoutMs, dryRun: true, idempotencyKey })) as WriteEnvelope<{ coop_id: string }>
      return value !== null && 'coop_id' in value ? { ...input, id: value.coop_id } : input
    } catch (error) {
      if (!(error instanceof IcnError) || error.code !== 'ALREADY_FOUNDED') throw error
    }
  }
  return input
}

async function create(context: Context, given: Given): Promise<number> {
  const entry = await context.person()
  const client = await context.client()
  const { dryRun, sign: signs } = context.settings
  const meant = await createInput(given, entry)
  const before = await findKept(context, entry, meant)
  if (dryRun || signs === 'node') {
    const tried = before === undefined || signs === 'node' ? await withId(context, client, entry, meant) : { signed: before.signed }
    return printEnvelope(context, 'coop.create', tried, (await client.call('coop.create', tried, context.callOptions())) as WriteEnvelope)
  }
  if (before !== undefined) {
    context.hint(context.say('coop.again'))
    try {
      return await printEnvelope(context, 'coop.create', meant, await handIn(context, client, before))
    } catch (error) {
      if (!isForgotten(error)) throw error
      await unlink(keptFile(context, coopIdOf(before.signed))).catch(() => {})
    }
  }
  if (given.flag('resume') && typeof meant['id'] === 'string') {
    const founding = await client.coop.founding({ coop_id: meant['id'] }).catch(() => undefined)
    if (founding !== undefined) {
      context.hint(context.say('coop.there', { id: meant['id'] }))
      return runRow(context, specOf('coop.founding'), { coop_id: meant['id'] })
    }
  }
  return found(context, client, entry, await withId(context, client, entry, meant))
}

/** Draft, look, sign, keep the bytes, hand them in. */
async function found(context: Context, client: Client, entry: KeyEntry, input: Readonly<Record<string, unknown>>): Promise<number> {
  const drafted = await client.draft('coop.create', input, context.callOptions())
  const [operation] = drafted.operations
  if (operation === undefined) return printEnvelope(context, 'coop.create', input, drafted.envelope)
  context.hint(describe(context, operation))
  if (!(await context.agree(context.say('ask.sign')))) return 0
  const [signed] = await drafted.sign()
  const kept: Kept = { did: entry.did, endpoint: context.settings.endpoint, signed: signed as SignedOperationJson }
  await writeSafely(keptFile(context, coopIdOf(kept.signed)), `${JSON.stringify(kept)}\n`)
  const envelope = await handIn(context, client, kept)
  return printEnvelope(context, 'coop.create', input, { ...envelope, warnings: drafted.envelope.warnings })
}

/** The charter as the node shows it, with its hash worked out here. */
export async function readCharter(context: Context, coopId: string): Promise<CharterView> {
  const view = await context.read<CharterView>('coop.charter.get', { coop_id: coopId })
  if (charterHashOf(view.charter) !== view.hash) throw new CliRefusal('CHARTER_CHANGED', 'trouble.charter_hash', { hash: view.hash })
  return view
}

async function sign(context: Context, given: Given): Promise<number> {
  const entry = await context.person()
  const coopId = coopGiven(context, given)
  const identity = await context.keys.identity(entry)
  // The statement is the person's own word: a device has none of that.
  if (entry.purpose !== 'person') throw new CliRefusal('ROOT_KEY_REQUIRED', 'trouble.root_key')
  const { network, hash, version, charter } = await readCharter(context, coopId)
  const wanted = given.args[1] ?? given.text('hash')
  if (wanted !== undefined && wanted !== hash) throw new CliRefusal('CHARTER_CHANGED', 'trouble.charter_hash', { hash: wanted })
  const printer = new Printer(context)
  context.hint(context.say('coop.sign_text', { name: charter['name'], version }))
  if (context.io.interactive) context.hint(indent(showResource(printer.showing(), charter)))
  context.hint(context.say('coop.sign_hash', { hash }))
  if (!(await context.agree(context.say('ask.sign')))) return 0
  const { signature } = await signStatement(identity.signer, 'charter', charterStatementPayload({ network, space: `coop:${coopId}`, hash, coop_id: coopId, version }))
  const input = { coop_id: coopId, hash, signature: toBase64Url(signature), ...(entry.key === entry.did ? {} : { key: entry.key }) }
  const envelope = (await (await context.client()).call('coop.sign_charter', input, context.callOptions())) as WriteEnvelope
  return printEnvelope(context, 'coop.sign_charter', input, envelope)
}

/** The coop that the first argument names, or -c. */
export function coopGiven(context: Context, given: Given, index = 0): string {
  const id = given.args[index] ?? context.settings.coopId
  if (id === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'ID', says: context.texts.row('Id of the cooperative.') })
  return id
}

/** `coop set ID FIELD VALUE`: the value that was read goes along, so that two people's changes are noticed. */
async function set(context: Context, given: Given): Promise<number> {
  const args = context.settings.coopIdFlagged || given.args.length === 2 ? [context.settings.coopId, ...given.args] : given.args
  const [coopId, field, value] = args
  if (coopId === undefined || field === undefined || value === undefined)
    throw new CliRefusal('INPUT_INVALID', 'trouble.needed', {
      field: coopId === undefined ? 'ID' : field === undefined ? 'FIELD' : 'VALUE',
      says: context.texts.row(value === undefined ? 'The new value.' : 'The setting.'),
    })
  const { settings } = await context.read<{ settings: readonly SettingView[] }>('coop.settings', { coop_id: coopId })
  const known = settings.find((one) => one.field === field)
  // Under a key the same words must be the same request, also when the value was changed by the first; the node then takes the value that stands.
  const isKeyed = context.settings.idempotencyKey !== undefined
  const change = { field, value: typeof known?.value === 'boolean' ? yesOrNo(value, field) : value, ...(known === undefined || isKeyed ? {} : { base: known.base }) }
  return runRow(context, specOf('coop.update'), { coop_id: coopId, changes: [change] })
}

export const coopCommands: readonly LocalCommand[] = [
  {
    path: 'coop create',
    method: 'coop.create',
    args: [
      { name: 'NAME', says: 'Its name.' },
      { name: 'TYPE', says: 'Kind of cooperative.' },
    ],
    flags: [
      { flags: '--name <name>', says: 'Its name.' },
      { flags: '--type <type>', says: 'Kind of cooperative.' },
      { flags: '--id <id>', says: 'Id of the cooperative; left out: made from the name.' },
      { flags: '--template <template>', says: 'Charter template to begin from.' },
      { flags: '--founder <founder>', says: 'A founder: DID[=ROLE,…] and, after a space, a name.', many: true },
      { flags: '--my-name <name>', says: 'Your own name in the register.' },
      { flags: '--unit <unit>', says: 'Unit of account: CODE, or CODE:NAME:DECIMALS.' },
      { flags: '--min-founders <n>', says: 'How many founders must sign.' },
      { flags: '--language <tag>', says: 'Language of the cooperative.' },
      { flags: '--time-zone <zone>', says: 'Where its days and months begin.' },
      { flags: '--charter <file>', says: 'A whole charter in the place of a template.' },
      { flags: '--draft <id>', says: 'A draft saved before; its fields count where none is given here.' },
      { flags: '--resume', says: 'Go on with a founding that was begun.' },
    ],
    run: create,
  },
  {
    path: 'coop sign',
    method: 'coop.sign_charter',
    args: [
      { name: 'ID', says: 'Id of the cooperative.', required: true },
      { name: 'HASH', says: 'Hash of the text that you read.' },
    ],
    flags: [{ flags: '--hash <hash>', says: 'Hash of the text that you read.' }],
    run: sign,
  },
  {
    path: 'coop set',
    method: 'coop.update',
    args: [
      { name: 'ID', says: 'Id of the cooperative.', required: true },
      { name: 'FIELD', says: 'The setting.', required: true },
      { name: 'VALUE', says: 'The new value.', required: true },
    ],
    run: set,
  },
]
