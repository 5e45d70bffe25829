import { randomBytes } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import {
  type MeView,
  newKeyFile,
  rotatePayload,
  rotateReasons,
  Secret,
  sealKeyFile,
  signStatement,
  toBase64Url,
  type WriteEnvelope,
  wipeKeys,
  mainSeed,
  portableSigner,
} from '@icn/protocol'
import { nodeKeyFileCrypto, writeKeyFile } from '@icn/protocol/node'
import type { Given, LocalCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { CliRefusal } from '../problems.ts'
import { printEnvelope } from '../rows.ts'
import { Printer } from '../show/printer.ts'

/** A new root key: made and kept first, then put in place in every space, then the files change places. */
async function rotate(context: Context, given: Given): Promise<number> {
  const entry = await context.person()
  if (entry.purpose !== 'person') throw new CliRefusal('ROOT_KEY_REQUIRED', 'trouble.root_key')
  const reason = given.text('reason') ?? 'scheduled'
  if (!(rotateReasons as readonly string[]).includes(reason))
    throw new CliRefusal('INPUT_INVALID', 'trouble.value', { value: reason, field: 'reason', reason: rotateReasons.join(', ') })
  // Nothing is made or moved for a change that the node could not sign anyway.
  if (context.settings.sign === 'node') throw new CliRefusal('NO_GRANT', 'trouble.node_signs')
  const client = await context.client()
  const me = await context.read<MeView>('me.get', {})
  const { network } = await client.node.about()
  const spaces = me.spaces.filter(({ standing }) => standing !== 'none').map(({ space }) => space)
  if (spaces.length === 0 || network === null) throw new CliRefusal('NO_STANDING')
  const made = newKeyFile('person', new Secret(new Uint8Array(randomBytes(32))), Date.now(), entry.label === undefined ? {} : { label: entry.label })
  const signer = mainSeed(made).reveal((seed) => portableSigner(seed))
  const next = entry.file.replace(/\.key$/, '.next.key')
  if (!context.settings.dryRun) {
    using passphrase = await context.keys.newPassphrase()
    await writeKeyFile(next, await sealKeyFile(made, passphrase, nodeKeyFileCrypto), 'create')
  }
  wipeKeys(made)
  const proofs = await Promise.all(
    spaces.map(async (space) => {
      const { signature } = await signStatement(signer, 'rotate', rotatePayload({ network, space }, { did: entry.did, old_key: entry.key, key: made.did }))
      return { space, old_key: entry.key, signature: toBase64Url(signature) }
    }),
  )
  const input = { new_key: made.did, proofs, reason, keep_grants: given.flag('keepGrants') }
  const envelope = (await client.call('identity.rotate', input, context.callOptions())) as WriteEnvelope
  const exit = await printEnvelope(context, 'identity.rotate', input, envelope)
  // Where some space still wants the old key, both stay as they are and the command is given again.
  if (exit !== 0 || envelope.outcome === 'simulated') return exit
  const old = await retire(entry.file)
  await context.keys.setOwner(entry.file, entry.did)
  await rename(next, entry.file)
  if (new Printer(context).forPeople) context.io.out(context.say('id.rotated', { did: entry.did, file: old }))
  return 0
}

/** The old key and what belongs to it go into a folder beside: its chain is its own, and nobody picks it by mistake. */
async function retire(file: string): Promise<string> {
  const folder = join(dirname(file), 'retired')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const start = file.replace(/\.key$/, '')
  const kept = join(folder, `${basename(start)}-${new Date().toISOString().replaceAll(':', '')}`)
  for (const part of ['.key', '.positions.json', '.sent', '.for']) {
    await rename(`${start}${part}`, `${kept}${part}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
  return `${kept}.key`
}

export const rotateCommands: readonly LocalCommand[] = [
  {
    path: 'id rotate',
    method: 'identity.rotate',
    flags: [
      { flags: '--reason <reason>', says: 'Why it changes.' },
      { flags: '--keep-grants', says: 'Leave your devices as they are.' },
    ],
    run: rotate,
  },
]
