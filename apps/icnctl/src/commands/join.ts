import {
  charterHashOf,
  type CoopView,
  type Did,
  inviteKeyOf,
  inviteSeed,
  isCoopId,
  portableSigner,
  readInviteCode,
  readInviteLink,
  redeemStatementPayload,
  signStatement,
  toBase64Url,
  type WriteEnvelope,
} from '@icn/protocol'
import type { Client, InputFor } from '@icn/sdk'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { readDoor } from '../globals.ts'
import { CliRefusal } from '../problems.ts'
import { printEnvelope } from '../rows.ts'
import { Printer } from '../show/printer.ts'
import { shortIdsIn } from '../show/text.ts'

interface Invitation {
  readonly coopId: string
  readonly code: string
  /** Only a link says which coop and network it means. */
  readonly genesis?: string
  readonly network?: string
  readonly origin?: string
}

function readInvitation(context: Context, given: Given): Invitation {
  const [typed] = given.args
  if (typed === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'LINK', says: context.texts.row('The link of an invitation, or its code.') })
  const link = typed.includes('/join#') ? readInviteLink(typed) : undefined
  const code = readInviteCode(link?.code ?? typed)
  const coopId = link?.coop_id ?? context.settings.coopId
  if (code === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: typed, field: 'LINK', reason: 'XXXX-XXXX-XXXX-XXXX' })
  if (coopId === undefined || !isCoopId(coopId)) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'coop-id', says: context.texts.row('Id of the cooperative.') })
  return { coopId, code, ...(link === undefined ? {} : { genesis: link.genesis, network: link.network, origin: link.origin }) }
}

/** The code makes a key; with it the newcomer's DID is signed, so that nobody who sees that can take the place. */
async function join(context: Context, given: Given): Promise<number> {
  const entry = await context.person()
  const invitation = readInvitation(context, given)
  const { coopId, code } = invitation
  // A link knows its own door; one that was named on purpose goes before it.
  const door = invitation.origin !== undefined && !context.settings.endpointGiven ? readDoor(invitation.origin) : context.settings
  const client: Client = context.connect(await context.keys.identity(entry), door)
  const coop = invitation.genesis === undefined ? ((await client.call('coop.get', { coop_id: coopId }, { signal: context.signal })) as CoopView) : undefined
  const genesis = invitation.genesis ?? (coop as CoopView).genesis
  const seed = inviteSeed(code, coopId, genesis)
  const inviteKey = inviteKeyOf(seed)
  const found = await client.coop.invite.find({ coop_id: coopId, invite_key: inviteKey })
  if (found.genesis !== genesis || (invitation.network !== undefined && found.network !== invitation.network))
    throw new CliRefusal('WRONG_GENESIS', 'trouble.wrong_node', { endpoint: door.endpoint })
  if (charterHashOf(found.charter) !== found.charter_hash) throw new CliRefusal('CHARTER_CHANGED', 'trouble.charter_hash', { hash: found.charter_hash })
  const printer = new Printer(context)
  context.hint(
    context.say('coop.join_text', {
      inviter: found.invited_by_name ?? shortIdsIn(found.invited_by),
      name: found.name,
      roles: found.roles.join(', '),
      until: printer.time(found.expires_at),
    }),
  )
  context.hint(context.say('coop.sign_hash', { hash: found.charter_hash }))
  const name = given.text('name') ?? found.for_name ?? entry.label ?? (context.io.interactive ? await context.io.askText(context.say('ask.name'), entry.name) : entry.name)
  if (!(await context.agree(context.say('ask.sign')))) return 0
  const { signature } = await signStatement(
    portableSigner(seed),
    'redeem',
    redeemStatementPayload({ network: found.network, space: `coop:${coopId}`, invite: found.invite_id, did: entry.did as Did }),
  )
  const input: InputFor<'coop.join'> = { coop_id: coopId, invite_key: inviteKey, signature: toBase64Url(signature), charter_hash: found.charter_hash, name }
  const envelope = (await client.coop.join(input, context.callOptions())) as WriteEnvelope
  return printEnvelope(context, 'coop.join', input as unknown as Record<string, unknown>, envelope)
}

export const joinCommands: readonly LocalCommand[] = [
  {
    path: 'coop join',
    method: 'coop.join',
    args: [{ name: 'LINK|CODE', says: 'The link of an invitation, or its code.', required: true }],
    flags: [{ flags: '--name <name>', says: 'Your name in the register.' }],
    run: join,
  },
]
