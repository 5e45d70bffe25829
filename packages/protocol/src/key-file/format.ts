import { z } from 'zod'
import { encodeCanonical, NotCanonical, decodeCanonical, toBase64Url } from '../canonical.ts'
import type { Code } from '../codes/index.ts'
import { portableSigner } from '../crypto/signer.ts'
import { didOfKey } from '../did.ts'
import type { Did } from '../ids.ts'
import { bytes, did, int, nameText, timeMs } from '../schema.ts'
import { Secret } from '../secret.ts'

/** The key file (identity page §3): one JSON object whose box opens only with its passphrase and only to the DID it names. */

export const keyPurposes = ['person', 'device', 'node'] as const
export type KeyPurpose = (typeof keyPurposes)[number]
export const keyUses = ['main', 'session', 'seal'] as const
export type KeyUse = (typeof keyUses)[number]

/** Numbers outside these are refused before any work is done: a file from elsewhere must not be able to stop the machine. */
export const kdfBounds = { passesMax: 10, memoryKibMin: 8 * 1024, memoryKibMax: 1024 * 1024 } as const
export interface KdfCost {
  readonly passes: number
  readonly memory_kib: number
}
/** RFC 9106 §4, second recommendation. Phones write half the memory. */
export const kdfUsual: KdfCost = { passes: 3, memory_kib: 65_536 }
export const kdfPhone: KdfCost = { passes: 3, memory_kib: 32_768 }
export const keyFileBytesMax = 65_536

/** How a passphrase becomes a key. */
export const Kdf = z.strictObject({
  name: z.literal('argon2id'),
  passes: int(1, kdfBounds.passesMax),
  memory_kib: int(kdfBounds.memoryKibMin, kdfBounds.memoryKibMax),
  lanes: z.literal(1),
  salt: bytes(16),
})

const Head = z.strictObject({
  format: z.literal('icn-key'),
  v: z.literal(1),
  purpose: z.enum(keyPurposes),
  did,
  created_at: timeMs,
  label: nameText(1, 64).optional(),
  kdf: Kdf,
  aead: z.discriminatedUnion('name', [
    z.strictObject({ name: z.literal('xchacha20-poly1305'), nonce: bytes(24) }),
    z.strictObject({ name: z.literal('aes-256-gcm'), nonce: bytes(12) }),
  ]),
})
const KeyFileSchema = z.strictObject({ ...Head.shape, box: bytes(32, 4_096) })
export type KeyFile = z.output<typeof KeyFileSchema>
export type KeyFileHead = z.output<typeof Head>

const Box = z.strictObject({
  keys: z
    .array(z.strictObject({ use: z.enum(keyUses), seed: bytes(32), created_at: timeMs }))
    .min(1)
    .max(16),
})

/** A no of a key file, with its row in the table of codes. */
export class KeyFileRefused extends Error {
  override readonly name = 'KeyFileRefused'
  readonly code: Code
  readonly params: Readonly<Record<string, unknown>>

  constructor(code: Code, params: Readonly<Record<string, unknown>> = {}) {
    super(`${code} ${JSON.stringify(params)}`)
    this.code = code
    this.params = params
  }
}

/** What sealing and opening need of the platform. */
export interface KeyFileCrypto {
  randomBytes(count: number): Uint8Array
  /** 32 bytes; one lane. */
  argon2id(passphrase: Uint8Array, salt: Uint8Array, cost: KdfCost): Promise<Uint8Array>
  /** Ciphertext ‖ tag. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, additional: Uint8Array): Uint8Array
  /** Undefined: it does not open. */
  open(name: KeyFile['aead']['name'], key: Uint8Array, nonce: Uint8Array, box: Uint8Array, additional: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined
}

export interface HeldKey {
  readonly use: KeyUse
  readonly seed: Secret
  readonly created_at: number
}

export interface OpenKeyFile {
  readonly did: Did
  readonly purpose: KeyPurpose
  readonly created_at: number
  readonly label?: string
  /** Newest of each use last. */
  readonly keys: readonly HeldKey[]
}

/** The seed that speaks for the DID. */
export function mainSeed(file: OpenKeyFile): Secret {
  return (file.keys.find(({ use }) => use === 'main') as HeldKey).seed
}

export function wipeKeys(file: OpenKeyFile): void {
  for (const { seed } of file.keys) seed.wipe()
}

/** A new identity in memory; the DID is computed from the seed, never taken from elsewhere. */
export function newKeyFile(purpose: KeyPurpose, seed: Secret, createdAt: number, options: { readonly label?: string; readonly more?: readonly HeldKey[] } = {}): OpenKeyFile {
  return {
    did: seed.reveal(didOfSeed),
    purpose,
    created_at: createdAt,
    ...(options.label === undefined ? {} : { label: options.label }),
    keys: [{ use: 'main', seed, created_at: createdAt }, ...(options.more ?? [])],
  }
}

const didOfSeed = (seed: Uint8Array): Did => didOfKey(portableSigner(seed).publicKey)

const passphraseBounds = { min: 8, max: 1_024, shortBelow: 12 } as const

/** Refuses what nobody should write; true when it is on the short side and worth a warning. */
export function checkPassphrase(passphrase: Secret): { readonly short: boolean } {
  if (passphrase.length < passphraseBounds.min || passphrase.length > passphraseBounds.max) throw new KeyFileRefused('PASSPHRASE_UNUSABLE')
  return { short: passphrase.length < passphraseBounds.shortBelow }
}

/** Salt and nonce are new at every write. */
export async function sealKeyFile(file: OpenKeyFile, passphrase: Secret, crypto: KeyFileCrypto, cost: KdfCost = kdfUsual): Promise<KeyFile> {
  checkPassphrase(passphrase)
  const head = Head.parse({
    format: 'icn-key',
    v: 1,
    purpose: file.purpose,
    did: file.did,
    created_at: file.created_at,
    ...(file.label === undefined ? {} : { label: file.label }),
    kdf: { name: 'argon2id', ...cost, lanes: 1, salt: crypto.randomBytes(16) },
    aead: { name: 'xchacha20-poly1305', nonce: crypto.randomBytes(24) },
  })
  const copies = file.keys.map(({ use, seed, created_at }) => ({ use, seed: seed.reveal((value) => value.slice()), created_at }))
  const plain = encodeCanonical({ keys: copies })
  for (const copy of copies) copy.seed.fill(0)
  const key = await passphrase.reveal((text) => crypto.argon2id(text, head.kdf.salt, head.kdf))
  try {
    return { ...head, box: crypto.seal(key, head.aead.nonce, plain, encodeCanonical(head)) }
  } finally {
    key.fill(0)
    plain.fill(0)
  }
}

/** Bounds → KDF → box → DID; the passphrase is asked for only when the bounds are good. */
export async function openKeyFile(file: KeyFile, passphrase: Secret, crypto: KeyFileCrypto): Promise<OpenKeyFile> {
  const { box, ...head } = file
  const key = await passphrase.reveal((text) => crypto.argon2id(text, file.kdf.salt, file.kdf))
  let plain: Uint8Array | undefined
  try {
    plain = await crypto.open(file.aead.name, key, file.aead.nonce, box, encodeCanonical(head))
  } finally {
    key.fill(0)
  }
  if (plain === undefined) throw new KeyFileRefused('PASSPHRASE_WRONG')
  const keys = readBox(plain)
  plain.fill(0)
  const main = keys.filter(({ use }) => use === 'main')
  if (main.length !== 1 || main[0]?.seed.reveal(didOfSeed) !== file.did) {
    for (const { seed } of keys) seed.wipe()
    throw new KeyFileRefused('KEY_FILE_MISMATCH', { did: file.did })
  }
  return { did: file.did, purpose: file.purpose, created_at: file.created_at, ...(file.label === undefined ? {} : { label: file.label }), keys }
}

function readBox(plain: Uint8Array): HeldKey[] {
  try {
    return Box.parse(decodeCanonical(plain)).keys.map(({ use, seed, created_at }) => ({ use, seed: new Secret(seed.slice()), created_at }))
  } catch (error) {
    if (error instanceof NotCanonical || error instanceof z.ZodError) throw new KeyFileRefused('KEY_FILE_INVALID', { detail: 'its inner part is not in order' })
    throw error
  }
}

export function printKeyFile(file: KeyFile): string {
  const text = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? toBase64Url(value) : value)
  return `${JSON.stringify(file, text, 2)}\n`
}

/** Shape and every bound; nothing costly has happened when it refuses. */
export function parseKeyFile(text: string): KeyFile {
  if (text.length > keyFileBytesMax) throw new KeyFileRefused('KEY_FILE_INVALID', { detail: `larger than ${keyFileBytesMax} bytes` })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new KeyFileRefused('KEY_FILE_INVALID', { detail: 'not JSON' })
  }
  const parsed = KeyFileSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new KeyFileRefused('KEY_FILE_INVALID', { detail: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` })
}
