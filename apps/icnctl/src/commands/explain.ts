import { type Code, codeClasses, codes, codeText, type DecisionJson, fixText, type OperationDetail } from '@icn/protocol'
import { NotFoundError } from '@icn/sdk'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { Printer } from '../show/printer.ts'
import { showDecision } from '../show/refusal.ts'
import { shortIdsIn } from '../show/text.ts'

const isCode = (text: string): text is Code => Object.hasOwn(codes, text)

/** A code needs no node: class, sentence, what can be done. */
function explainCode(context: Context, code: Code): number {
  const { language } = context.texts
  const row = codes[code]
  const kind = codeClasses[row.class]
  const printer = new Printer(context)
  const [text, fix] = [codeText(code, {}, language), fixText(code, {}, language)]
  const http = row.http ?? kind.http
  if (!printer.forPeople) printer.json({ code, class: row.class, text, fix: fix ?? null, exit: kind.exit, http, retry: kind.retry })
  else printer.text([printer.style.bold(text), ...(fix === undefined ? [] : [`  → ${fix}`]), context.say('explain.code', { class: row.class, exit: kind.exit, http })].join('\n'))
  return 0
}

async function explain(context: Context, given: Given): Promise<number> {
  const [id] = given.args
  if (id === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'ID', says: context.texts.row('Id of a decision or operation, or a code.') })
  if (isCode(id)) return explainCode(context, id)
  const decision = await context.read<DecisionJson>('decision.get', { id })
  const printer = new Printer(context)
  if (!printer.forPeople) {
    printer.json(decision)
    return 0
  }
  await printer.learnNames(undefined)
  printer.text(showDecision(decision, context.texts, printer.style, (at) => printer.time(at)))
  // A local refusal has no operation behind it.
  if (id.startsWith('dec_')) return 0
  const operation = await context.read<OperationDetail>('operation.get', { operation_id: id }).catch((error: unknown) => {
    if (error instanceof NotFoundError) return undefined
    throw error
  })
  if (operation === undefined) return 0
  const signer = shortIdsIn(operation.signer)
  printer.text(operation.grant === null ? context.say('explain.signed_own', { signer }) : context.say('explain.signed', { signer, grant: shortIdsIn(operation.grant) }))
  if (operation.displaced_by !== null) printer.text(context.say('explain.displaced', { id: shortIdsIn(operation.displaced_by) }))
  printer.text(context.say(operation.final ? 'say.final' : 'say.done'))
  return 0
}

export const explainCommands: readonly LocalCommand[] = [
  {
    path: 'explain',
    method: 'decision.get',
    says: 'Explain a decision, an operation or a code.',
    args: [{ name: 'ID', says: 'Id of a decision or operation, or a code.', required: true }],
    run: explain,
  },
]
