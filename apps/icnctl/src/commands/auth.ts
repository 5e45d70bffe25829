import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { Printer } from '../show/printer.ts'

async function login(context: Context, given: Given): Promise<number> {
  const entry = await context.person()
  const narrow = given.texts('narrow').flatMap((part) => part.split(','))
  const client = context.connect(await context.keys.identity(entry), context.settings, {
    label: given.text('label') ?? 'icnctl',
    ...(narrow.length === 0 ? {} : { scopes: narrow }),
  })
  await client.signIn()
  const printer = new Printer(context)
  const [about, me] = [await client.node.about(), await client.me.get()]
  if (!printer.forPeople)
    printer.json({ endpoint: context.settings.endpoint, node: about.node, network: about.network, origin: about.public_origin, did: me.did, signer: me.signer })
  else {
    printer.text(context.say('auth.signed_in', { origin: about.public_origin, name: printer.style.bold(entry.name) }))
    context.hint(`${context.say('auth.node')} ${about.node}`)
    context.hint(printer.style.dim(`${context.say('say.next')}: icnctl auth whoami`))
  }
  return 0
}

async function logout(context: Context, given: Given): Promise<number> {
  const all = given.text('all')
  if (all !== undefined && all !== 'others' && all !== 'every') throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: all, field: 'all', reason: 'others, every' })
  await context.person()
  await (await context.client()).signOut(all)
  const printer = new Printer(context)
  if (printer.forPeople) printer.text(context.say('auth.signed_out'))
  else printer.json({ signed_out: true })
  return 0
}

export const authCommands: readonly LocalCommand[] = [
  {
    path: 'auth login',
    method: 'auth.verify',
    says: 'Sign in, and keep the session on this machine.',
    flags: [
      { flags: '--label <name>', says: 'A name for this session.' },
      { flags: '--narrow <scope>', says: 'Only so much: scopes such as coop:read.', many: true },
    ],
    run: login,
  },
  { path: 'auth logout', method: 'auth.logout', flags: [{ flags: '--all <which>', says: 'More sessions than this one: others or every.' }], run: logout },
]
