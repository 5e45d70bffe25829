import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  isDid,
  type KeyPurpose,
  mainSeed,
  newKeyFile,
  openKeyFile,
  type OpenKeyFile,
  parseKeyFile,
  printKeyFile,
  printPaperKey,
  readPaperKey,
  Secret,
  sealKeyFile,
  wipeKeys,
} from '@icn/protocol'
import { nodeKeyFileCrypto, readKeyFile, writeKeyFile, writeSafely } from '@icn/protocol/node'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import type { KeyEntry } from '../keys.ts'
import { CliRefusal } from '../problems.ts'
import { Printer } from '../show/printer.ts'
import { showRows } from '../show/values.ts'
import { readText } from '../values.ts'

/** Keys of people on this machine; nothing here speaks with a node. */

const nameDefault = 'me'
const name = { name: 'NAME', says: 'Name of the identity on this machine.' } as const

interface IdView {
  readonly name: string
  readonly did: string
  readonly key: string
  readonly purpose: KeyPurpose
  readonly label: string | null
  readonly created_at: string
  readonly file: string
}

const view = (entry: KeyEntry): IdView => ({
  name: entry.name,
  did: entry.did,
  key: entry.key,
  purpose: entry.purpose,
  label: entry.label ?? null,
  created_at: new Date(entry.createdAt).toISOString(),
  file: entry.file,
})

const refuseValue = (value: string, field: string, reason: string): CliRefusal => new CliRefusal('INPUT_INVALID', 'trouble.value', { value, field, reason })

function purposeOf(given: Given): 'person' | 'device' {
  const purpose = given.text('purpose') ?? (given.text('for') === undefined ? 'person' : 'device')
  if (purpose !== 'person' && purpose !== 'device') throw refuseValue(purpose, 'purpose', 'person, device')
  return purpose
}

async function init(context: Context, given: Given): Promise<number> {
  const keyName = given.args[0] ?? given.text('name') ?? nameDefault
  const file = context.keys.fileOf(keyName)
  const owner = given.text('for')
  if (owner !== undefined && !isDid(owner)) throw new CliRefusal('DID_INVALID', undefined, { reason: 'shape' })
  const label = given.text('label')
  const made = newKeyFile(purposeOf(given), new Secret(new Uint8Array(randomBytes(32))), Date.now(), label === undefined ? {} : { label })
  return keep(context, { made, file, keyName, ...(owner === undefined ? {} : { owner }), paper: given.flag('paper') })
}

/** Seals a key into its file and says what was made. */
async function keep(
  context: Context,
  parts: { readonly made: OpenKeyFile; readonly file: string; readonly keyName: string; readonly owner?: string; readonly paper: boolean },
): Promise<number> {
  const { made, file, keyName, owner, paper } = parts
  try {
    using passphrase = await context.keys.newPassphrase()
    await writeKeyFile(file, await sealKeyFile(made, passphrase, nodeKeyFileCrypto), 'create')
    if (owner !== undefined && isDid(owner)) await context.keys.setOwner(file, owner)
    const words = paper ? await showPaper(context, made) : undefined
    const entry = await context.keys.entry(keyName)
    const printer = new Printer(context)
    if (!printer.forPeople) printer.json({ ...view(entry), ...(words === undefined ? {} : { paper_key: words }) })
    else {
      printer.text(context.say('id.made', { name: printer.style.bold(entry.name), did: entry.key }))
      printer.text(context.say('id.kept', { file }))
      if (entry.did !== entry.key) {
        printer.text(context.say('id.device_of', { did: entry.did }))
        context.hint(context.say('id.device_next', { did: entry.key }))
      } else if (!paper) context.hint(context.say('id.backup', { name: entry.name }))
    }
    return 0
  } finally {
    wipeKeys(made)
  }
}

/** Shown once; typed back once before it counts as made, where somebody can type. */
async function showPaper(context: Context, key: OpenKeyFile): Promise<string> {
  const words = printPaperKey(mainSeed(key))
  if (context.settings.output !== 'people') return words
  context.io.out(`${context.say('id.paper')}\n\n  ${words.replace(/((?:\S+ ){3}\S+) /g, '$1\n  ')}\n`)
  if (!context.io.interactive || context.io.askSecret === undefined) return words
  using typed = await context.io.askSecret(`${context.say('id.paper_check')} `)
  const text = typed.reveal((bytes) => new TextDecoder().decode(bytes))
  using again = readPaperKey(text)
  const isSame = again.reveal((a) => mainSeed(key).reveal((b) => a.every((byte, index) => byte === b[index])))
  if (!isSame) throw new CliRefusal('PAPER_KEY_INVALID', 'trouble.paper_differs')
  context.hint(context.say('id.paper_ok'))
  return words
}

async function chosen(context: Context, given: Given): Promise<KeyEntry> {
  const wanted = given.args[0]
  if (wanted === undefined) return context.person()
  return (await context.keys.choose(wanted)) as KeyEntry
}

async function open(context: Context, entry: KeyEntry): Promise<OpenKeyFile> {
  return context.keys.unlock(await readKeyFile(entry.file))
}

async function exportKey(context: Context, given: Given): Promise<number> {
  const entry = await chosen(context, given)
  const out = given.text('out')
  const printer = new Printer(context)
  if (out !== undefined) {
    await writeSafely(out, printKeyFile(await readKeyFile(entry.file)), { exclusive: true })
    if (printer.forPeople) printer.text(context.say('id.exported', { file: out }))
  }
  if (given.flag('paper')) {
    const key = await open(context, entry)
    const words = await showPaper(context, key)
    wipeKeys(key)
    if (!printer.forPeople) printer.json({ ...view(entry), paper_key: words })
  } else if (out === undefined) printer.text(printKeyFile(await readKeyFile(entry.file)).trimEnd())
  else if (!printer.forPeople) printer.json({ ...view(entry), out })
  return 0
}

async function importKey(context: Context, given: Given): Promise<number> {
  const [source] = given.args
  const keyName = given.text('name') ?? nameDefault
  const file = context.keys.fileOf(keyName)
  const owner = given.text('for')
  if (given.flag('paper')) {
    const typed =
      source !== undefined
        ? readText(source)
        : context.io.askSecret === undefined
          ? readText('-')
          : (await context.io.askSecret(`${context.say('id.paper_check')} `)).reveal((bytes) => new TextDecoder().decode(bytes))
    const label = given.text('label')
    const made = newKeyFile(purposeOf(given), readPaperKey(typed), Date.now(), label === undefined ? {} : { label })
    return keep(context, { made, file, keyName, ...(owner === undefined ? {} : { owner }), paper: false })
  }
  if (source === undefined) throw new CliRefusal('INPUT_INVALID', 'trouble.needed', { field: 'FILE', says: context.texts.row('The file.') })
  const sealed = parseKeyFile(readText(source))
  // Opened once, so that a key that nobody can use is refused now: its DID is worked out from the seed, never read.
  wipeKeys(await context.keys.unlock(sealed))
  await writeKeyFile(file, sealed, 'create')
  if (owner !== undefined && isDid(owner)) await context.keys.setOwner(file, owner)
  const printer = new Printer(context)
  const entry = await context.keys.entry(keyName)
  if (printer.forPeople) printer.text(context.say('id.made', { name: printer.style.bold(entry.name), did: entry.key }))
  else printer.json(view(entry))
  return 0
}

async function changePassphrase(context: Context, given: Given): Promise<number> {
  const entry = await chosen(context, given)
  const key = await open(context, entry)
  using passphrase = await context.keys.changedPassphrase()
  const sealed = await sealKeyFile(key, passphrase, nodeKeyFileCrypto)
  wipeKeys(key)
  await writeKeyFile(entry.file, sealed, 'replace')
  // Read back from disk before the old file's bytes are gone for good.
  wipeKeys(await openKeyFile(parseKeyFile(await readFile(entry.file, 'utf8')), passphrase, nodeKeyFileCrypto))
  const printer = new Printer(context)
  if (printer.forPeople) printer.text(context.say('id.passphrase_changed', { name: entry.name }))
  else printer.json(view(entry))
  return 0
}

export const idCommands: readonly LocalCommand[] = [
  {
    path: 'id init',
    says: 'Make an identity: a key on this machine, sealed by a passphrase.',
    args: [name],
    flags: [
      { flags: '--name <name>', says: name.says },
      { flags: '--purpose <use>', says: 'A person’s own key, or a further device.' },
      { flags: '--for <did>', says: 'Whose device it is: a DID.' },
      { flags: '--label <label>', says: 'A name for people.' },
      { flags: '--paper', says: 'Also as words on paper.' },
    ],
    run: init,
  },
  {
    path: 'id show',
    says: 'Show an identity of yours.',
    args: [name],
    async run(context, given) {
      new Printer(context).resource(view(await chosen(context, given)))
      return 0
    },
  },
  {
    path: 'id list',
    says: 'List your identities on this machine.',
    async run(context) {
      const all = (await context.keys.list()).map(view)
      const printer = new Printer(context)
      if (context.settings.output === 'jsonl') for (const one of all) printer.json(one)
      else if (!printer.forPeople) printer.json({ items: all })
      else
        printer.text(
          all.length === 0
            ? context.say('id.none')
            : showRows(
                { ...printer.showing(), wide: true },
                ['name', 'did', 'purpose', 'label', 'created_at'],
                all.map((one) => ({ ...one })),
              ),
        )
      return 0
    },
  },
  { path: 'id passphrase', says: 'Change the passphrase of a key.', args: [name], run: changePassphrase },
  {
    path: 'id export',
    says: 'Take a key along: the sealed file, or the paper key.',
    args: [name],
    flags: [
      { flags: '--out <file>', says: 'The file.' },
      { flags: '--paper', says: 'Also as words on paper.' },
    ],
    run: exportKey,
  },
  {
    path: 'id import',
    says: 'Bring a key in: a sealed file, or a paper key.',
    args: [{ name: 'FILE', says: 'The file.' }],
    flags: [
      { flags: '--name <name>', says: name.says },
      { flags: '--paper', says: 'Also as words on paper.' },
      { flags: '--purpose <use>', says: 'A person’s own key, or a further device.' },
      { flags: '--for <did>', says: 'Whose device it is: a DID.' },
      { flags: '--label <label>', says: 'A name for people.' },
    ],
    run: importKey,
  },
]
