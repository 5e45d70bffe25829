import { binary, checkPassphrase, type Did, did, didOfKey, encodeCanonical, invariant, Kdf, type KdfCost, kdfUsual, KeyFileRefused, keyOfDid, type Secret } from '@icn/protocol'
import { nodeKeyFileCrypto, openSealed, secretStreamKeyBytes, sealForKey, signingKeyFromSeed } from '@icn/protocol/node'
import { z } from 'zod'
import { refuse } from '../calls/refusal.ts'

/** How the key of an encrypted archive is kept in its header: sealed for each recipient, and by a passphrase. */

/** Larger: headers grow by 150 bytes each; smaller: not every steward of a large coop can open its archives. */
export const archiveRecipientsMax = 64

const Recipient = z.strictObject({ did, /** The key of the stream, sealed for the key of the DID. */ box: binary(80) })
const PassphraseLock = z.strictObject({ kdf: Kdf, nonce: binary(24), box: binary(48) })

/** Who can open the file, and with what. DIDs stand there in the clear, so that whoever finds it knows whom to ask. */
export const ArchiveLock = z
  .strictObject({ stream: binary(24), recipients: z.array(Recipient).max(archiveRecipientsMax), passphrase: PassphraseLock.optional() })
  .refine((lock) => lock.recipients.length > 0 || lock.passphrase !== undefined, { message: 'nobody could open it' })
export type ArchiveLock = z.output<typeof ArchiveLock>

/** For whom an archive is made; at least one recipient or a passphrase. */
export interface ArchiveRecipients {
  readonly dids?: readonly Did[]
  readonly passphrase?: Secret
  /** Of turning the passphrase into a key; that of key files when not given. */
  readonly cost?: KdfCost
}

/** What a reader has. */
export interface ArchiveKeys {
  /** Ed25519 seeds of 32 bytes. */
  readonly seeds?: readonly Secret[]
  readonly passphrase?: Secret
}

const crypto = nodeKeyFileCrypto

/** A new key for one archive; whoever takes it wipes it. */
export const newArchiveKey = (): Uint8Array => crypto.randomBytes(secretStreamKeyBytes)

/** Refuses `DID_INVALID` for a DID whose key nothing can be sealed for, and what no passphrase should be. */
export async function lockKey(key: Uint8Array, recipients: ArchiveRecipients): Promise<Omit<ArchiveLock, 'stream'>> {
  const dids = [...new Set(recipients.dids)]
  invariant(dids.length <= archiveRecipientsMax, 'an archive for more recipients than its header holds')
  invariant(dids.length > 0 || recipients.passphrase !== undefined, 'an encrypted archive for nobody')
  const boxes = dids.map((did) => {
    const box = sealForKey(keyOfDid(did), key)
    if (box === undefined) throw refuse('DID_INVALID', { reason: 'point' })
    return { did, box }
  })
  const { passphrase } = recipients
  if (passphrase === undefined) return { recipients: boxes }
  try {
    checkPassphrase(passphrase)
  } catch (error) {
    throw error instanceof KeyFileRefused ? refuse(error.code, error.params) : error
  }
  const kdf = { name: 'argon2id', ...(recipients.cost ?? kdfUsual), lanes: 1, salt: crypto.randomBytes(16) } as const
  const nonce = crypto.randomBytes(24)
  const derived = await passphrase.reveal((text) => crypto.argon2id(text, kdf.salt, kdf))
  try {
    return { recipients: boxes, passphrase: { kdf, nonce, box: crypto.seal(derived, nonce, key, encodeCanonical({ kdf, nonce })) } }
  } finally {
    derived.fill(0)
  }
}

/** The key of the archive. Undefined: a box for one of our keys does not open, so the header was altered. Refuses `ARCHIVE_NOT_FOR_US`. */
export async function unlockKey(lock: ArchiveLock, keys: ArchiveKeys): Promise<Uint8Array | undefined> {
  const boxes = new Map(lock.recipients.map(({ did, box }) => [did, box]))
  let altered = false
  for (const secret of keys.seeds ?? []) {
    const box = boxes.get(secret.reveal((seed) => didOfKey(signingKeyFromSeed(seed).publicKey)))
    if (box === undefined) continue
    const key = secret.reveal((seed) => openSealed(seed, box))
    if (key !== undefined) return key
    altered = true
  }
  const key = await openByPassphrase(lock, keys.passphrase)
  if (key !== undefined || altered) return key
  const dids = lock.recipients.map(({ did }) => did)
  throw refuse('ARCHIVE_NOT_FOR_US', { ...(dids.length === 0 ? {} : { recipients: dids }), passphrase: lock.passphrase !== undefined })
}

async function openByPassphrase({ passphrase: lock }: ArchiveLock, passphrase: Secret | undefined): Promise<Uint8Array | undefined> {
  if (lock === undefined || passphrase === undefined) return undefined
  const { kdf, nonce, box } = lock
  const derived = await passphrase.reveal((text) => crypto.argon2id(text, kdf.salt, kdf))
  try {
    return await crypto.open('xchacha20-poly1305', derived, nonce, box, encodeCanonical({ kdf, nonce }))
  } finally {
    derived.fill(0)
  }
}
