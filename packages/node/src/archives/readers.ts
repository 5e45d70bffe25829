import { type Did, isDid, type Secret } from '@icn/protocol'
import { readSecretFile } from '@icn/protocol/node'
import { plaintextWords, readRecipients } from '../backup/index.ts'
import { refuse } from '../calls/refusal.ts'
import { type ArchiveRecipients, archiveRecipientsMax } from '../snapshot/index.ts'
import type { ArchiveOptions, MakeOrder } from './parts.ts'

/** For whom an archive is sealed: whoever was named, and this node, so that it can try its own archives. Undefined: for everybody. Refuses `BACKUP_RECIPIENTS`. */
export async function readersOf(
  { encryptTo = [], passphraseFile, plaintext }: MakeOrder,
  { recipientsFile }: Pick<ArchiveOptions, 'recipientsFile'>,
  node: Did,
): Promise<ArchiveRecipients | undefined> {
  if (plaintext !== undefined) {
    if (plaintext === plaintextWords && encryptTo.length === 0 && passphraseFile === undefined) return undefined
    throw refuse('BACKUP_RECIPIENTS', { reason: `to leave it open it takes --plaintext "${plaintextWords}", and nobody else` })
  }
  const named = encryptTo.length > 0 || recipientsFile === null ? encryptTo : await readRecipients(recipientsFile)
  for (const did of named) if (!isDid(did)) throw refuse('BACKUP_RECIPIENTS', { reason: `${did.slice(0, 80)} is no DID` })
  if (named.length >= archiveRecipientsMax) throw refuse('BACKUP_RECIPIENTS', { reason: `more than ${archiveRecipientsMax - 1} recipients` })
  const dids = [...new Set([...(named as readonly Did[]), node])]
  return passphraseFile === undefined ? { dids } : { dids, passphrase: await readPassphrase(passphraseFile) }
}

export async function readPassphrase(file: string): Promise<Secret> {
  return await readSecretFile(file).catch((error: unknown) => {
    throw refuse('BACKUP_RECIPIENTS', { reason: (error as Error).message })
  })
}
