import { type DirectoryChanges, type DirectoryChangesView, directoryStatementPayload, type DirectoryView, signStatement, toBase64Url } from '@icn/protocol'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { Printer } from '../show/printer.ts'
import { indent, showResource } from '../show/values.ts'
import { document } from '../values.ts'
import { coopGiven } from './coop.ts'

/** Signing as a further controller: whoever changes the entry hands the signatures in with the change. */

/** What is to be signed: what was named, or whatever the cooperative is and its entry does not say. */
async function meant(context: Context, given: Given, coopId: string): Promise<{ readonly changes: DirectoryChanges; readonly isNamed: boolean }> {
  const named = given.text('changes')
  if (named !== undefined) return { changes: document(named, 'changes') as DirectoryChanges, isNamed: true }
  const { changes } = await context.read<DirectoryChangesView>('commons.coop.changes', { coop_id: coopId })
  return { changes, isNamed: false }
}

/** Works out the bytes itself, so that what is shown is what is signed, whatever the node says. */
async function sign(context: Context, given: Given): Promise<number> {
  const coopId = coopGiven(context, given)
  const entry = await context.person()
  const identity = await context.keys.identity(entry)
  if (entry.purpose !== 'person') throw new CliRefusal('ROOT_KEY_REQUIRED', 'trouble.root_key')
  const row = await context.read<DirectoryView>('commons.coop.get', { coop_id: coopId })
  if (!row.controllers.includes(entry.did)) throw new CliRefusal('NOT_A_CONTROLLER')
  const { changes, isNamed } = await meant(context, given, coopId)
  if (Object.keys(changes).length === 0) {
    context.hint(context.say('directory.equal', { id: coopId }))
    return 0
  }
  const { network } = await (await context.client()).node.about()
  const version = row.version + 1
  const printer = new Printer(context)
  context.hint(context.say('directory.sign_text', { id: coopId, version }))
  context.hint(indent(showResource(printer.showing(), changes)))
  if (!(await context.agree(context.say('ask.sign')))) return 0
  const payload = directoryStatementPayload({ network: network ?? '', coop_id: coopId, genesis: row.genesis, version, changes })
  const { signature } = await signStatement(identity.signer, 'directory', payload)
  const statement = { did: entry.did, key: entry.key, signature: toBase64Url(signature) }
  if (context.settings.output === 'people') {
    const words = ['icnctl directory update', coopId, ...(isNamed ? [`--changes '${JSON.stringify(changes)}'`] : []), `--statements '${JSON.stringify([statement])}'`]
    printer.text(`${context.say('directory.signed')}\n  ${words.join(' ')}`)
  } else printer.json(statement)
  return 0
}

export const directoryCommands: readonly LocalCommand[] = [
  {
    path: 'directory sign',
    says: 'Sign, as a further controller, what another one is going to change in the entry.',
    args: [{ name: 'ID', says: 'Id of the cooperative.', required: true }],
    flags: [{ flags: '--changes <document>', says: 'What the entry should say; left out: whatever the cooperative is and the entry does not say.' }],
    example: `icnctl directory sign food --changes '{"description":"Bread for forty households."}'`,
    run: sign,
  },
]
