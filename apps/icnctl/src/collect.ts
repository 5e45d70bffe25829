import { CliRefusal } from './problems.ts'
import type { Context } from './context.ts'
import { aboutOneself, type CommandSpec, type Field } from './fields.ts'
import { document, durationMs, permille, timeText, wholeNumber, yesOrNo } from './values.ts'

/** What was typed, as an input of the row. */

export interface Typed {
  readonly args: readonly string[]
  /** Flags by field name, as text. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[]>>
}

function readValue(field: Field, text: string | boolean | readonly string[]): unknown {
  const many = (): readonly string[] =>
    (Array.isArray(text) ? (text as readonly string[]) : [String(text)])
      .flatMap((one) => one.split(','))
      .map((one) => one.trim())
      .filter((one) => one !== '')
  const one = Array.isArray(text) ? String(text.at(-1)) : String(text)
  switch (field.type) {
    case 'boolean':
      return typeof text === 'boolean' ? text : yesOrNo(one, field.flag)
    case 'integer':
      return wholeNumber(one, field.flag)
    case 'integers':
      return many().map((part) => wholeNumber(part, field.flag))
    case 'texts':
      return many().map((part) => checkChoice(field, part))
    case 'document':
      return document(one, field.flag)
    case 'time':
      return timeText(one, field.flag, Date.now())
    case 'permille':
      return permille(one, field.flag)
    case 'duration':
      return durationMs(one, field.flag)
    default:
      return checkChoice(field, one)
  }
}

function checkChoice(field: Field, text: string): string {
  if (field.choices !== undefined && !field.choices.includes(text))
    throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: text, field: field.flag, reason: field.choices.join(', ') })
  return text
}

/** `food` means `coop:food` where a space is asked for. */
const spaceOf = (text: string): string => (text === 'commons' || text.startsWith('coop:') ? text : `coop:${text}`)

/** Flags, then positions in the row's order, then what the environment says, then questions at a terminal. */
export async function collect(spec: CommandSpec, typed: Typed, context: Context): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {}
  for (const field of spec.fields) {
    const given = typed.flags[field.name]
    if (given !== undefined) input[field.name] = readValue(field, given)
  }
  placeCoop(spec, typed, input, context)
  const open = spec.positionals.filter(({ name }) => input[name] === undefined)
  takePositionals(open, typed.args, input)
  if (typeof input['space'] === 'string') input['space'] = spaceOf(input['space'])
  else if (spec.fields.some(({ name, required }) => name === 'space' && required) && context.settings.coopId !== undefined) input['space'] = spaceOf(context.settings.coopId)
  if (aboutOneself.has(spec.method) && input['did'] === undefined) input['did'] = 'me'
  if (typeof input['did'] === 'string' && input['did'] === 'me') input['did'] = (await context.person()).did
  await askMissing(spec, input, context)
  return input
}

/** The coop of -c, of the environment or of a profile, unless there are enough arguments to name it. */
function placeCoop(spec: CommandSpec, { args }: Typed, input: Record<string, unknown>, { settings }: Context): void {
  const field = spec.positionals.find(({ name }) => name === 'coop_id')
  if (field === undefined || input['coop_id'] !== undefined || settings.coopId === undefined) return
  const needed = spec.positionals.filter(({ name, required }) => required && input[name] === undefined).length
  if (settings.coopIdFlagged || args.length < needed) input['coop_id'] = settings.coopId
}

function takePositionals(open: readonly Field[], args: readonly string[], input: Record<string, unknown>): void {
  const rest = [...args]
  for (const [index, field] of open.entries()) {
    if (rest.length === 0) return
    const isLast = index === open.length - 1
    // The last list takes everything that is left: roles, scopes.
    if ((field.type === 'texts' || field.type === 'integers') && isLast) input[field.name] = readValue(field, rest.splice(0))
    else input[field.name] = readValue(field, rest.shift() as string)
  }
  if (rest.length > 0) throw new CliRefusal('INPUT_INVALID', 'trouble.too_many', { value: rest[0] })
}

async function askMissing(spec: CommandSpec, input: Record<string, unknown>, context: Context): Promise<void> {
  for (const field of spec.fields) {
    if (!field.required || input[field.name] !== undefined) continue
    if (field.name === 'space') throw new CliRefusal('INPUT_INVALID', 'trouble.no_space')
    const says = context.texts.row(field.says)
    if (!context.io.interactive || field.type === 'document') throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: field.flag, says })
    input[field.name] =
      field.choices !== undefined && field.type === 'text'
        ? await context.io.askOne(
            says,
            field.choices.map((value) => ({ value, label: value })),
          )
        : readValue(field, await context.io.askText(says))
  }
}
