import { createHash } from 'node:crypto'
import type { QuarantineView, WriteEnvelope } from '@icn/protocol'
import { type Client, IcnError } from '@icn/sdk'
import { collect } from '../collect.ts'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { specOf } from '../fields.ts'
import { type Input, printEnvelope } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { indent, showResource } from '../show/values.ts'

/** Issuing again what did not count: the same said once more, and noted so. */

type Issued = WriteEnvelope<QuarantineView | { readonly act: unknown }>

/** Asked twice, it is done once: the key of each step is made of the entry and of whatever key was given. */
function keyOf({ settings }: Context, { space, operation_id }: Input, step: 'issue' | 'settle'): string {
  return createHash('sha256')
    .update(JSON.stringify([step, space, operation_id, settings.idempotencyKey ?? null]))
    .digest('hex')
    .slice(0, 32)
}

/** What is said once more, where somebody is there to read it. */
async function mayIssue(context: Context, input: Input): Promise<boolean> {
  if (context.settings.dryRun || !context.io.interactive) return true
  const { kind, operation } = await context.read<QuarantineView>('quarantine.get', input)
  const printer = new Printer(context)
  await printer.learnNames(undefined)
  context.hint(context.say('quarantine.again', { kind }))
  context.hint(indent(showResource(printer.showing(), { signer: operation?.signer, ...operation?.body })))
  return context.agree(context.say('ask.sign'))
}

/** A retry that counts settles by itself; that it is written down as well is left out where that is refused. */
const settledAnyway: ReadonlySet<string> = new Set(['QUARANTINE_CLOSED', 'NO_GRANT'])

async function settle(context: Context, client: Client, input: Input, issued: Issued, note: string): Promise<WriteEnvelope<QuarantineView> | undefined> {
  const value = issued.value
  const reissue = issued.operations[0]?.id ?? (value !== null && 'settled' in value ? value.settled?.reissue : undefined)
  if (reissue === undefined || reissue === null) return undefined
  const { signal, settings } = context
  try {
    const said = { ...input, verdict: 'reissued', note, reissue }
    return (await client.call('quarantine.settle', said, {
      signal,
      timeoutMs: settings.timeoutMs,
      idempotencyKey: keyOf(context, input, 'settle'),
    })) as WriteEnvelope<QuarantineView>
  } catch (error) {
    if (error instanceof IcnError && settledAnyway.has(error.code)) return undefined
    throw error
  }
}

async function reissue(context: Context, given: Given): Promise<number> {
  const space = given.text('space')
  const input = await collect(specOf('quarantine.reissue'), { args: given.args, flags: space === undefined ? {} : { space } }, context)
  if (!(await mayIssue(context, input))) return 0
  const client = await context.client()
  const issued = (await client.call('quarantine.reissue', input, context.callOptions(context.settings.dryRun ? {} : { idempotencyKey: keyOf(context, input, 'issue') }))) as Issued
  if (issued.outcome !== 'applied' && issued.outcome !== 'already_done') return printEnvelope(context, 'quarantine.reissue', input, issued)
  const settled = await settle(context, client, input, issued, given.text('note') ?? '')
  const isAct = issued.value !== null && 'act' in issued.value
  return printEnvelope(context, 'quarantine.reissue', input, {
    ...issued,
    ...(settled === undefined || isAct ? {} : { value: settled.value }),
    ...(settled?.outcome === 'applied' ? { outcome: 'applied' } : {}),
    operations: [...issued.operations, ...(settled?.operations ?? [])],
  })
}

export const quarantineCommands: readonly LocalCommand[] = [
  {
    path: 'quarantine reissue',
    method: 'quarantine.reissue',
    args: [{ name: 'ID', says: 'Id of the operation.', required: true }],
    flags: [
      { flags: '--space <space>', says: 'The space: commons or coop:<id>.' },
      { flags: '--note <note>', says: 'A word about it.' },
    ],
    example: 'icnctl quarantine reissue bafyreicaabhdf4cwkzs5av3eaagt3fqklqjw364r5ngv3jq3ohk56pervm --space coop:food',
    run: reissue,
  },
]
