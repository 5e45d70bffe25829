import { fromHex } from './hex.ts'
import type { Signer } from './signer.ts'
import { portableSigner } from './signer.ts'
import { passesStrictChecks, verifyStrict } from './strict.ts'

/** Ed25519 in browsers: WebCrypto where it is offered and strict, portable code where not. Node may use it too; its own way is './node'. */

type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => Promise<boolean>

const algorithm = { name: 'Ed25519' } as const
/** The DER of a PKCS #8 Ed25519 key up to its seed (RFC 8410 §7). */
const pkcs8Head = fromHex('302e020100300506032b657004220420')

// The compiler's WebCrypto wants buffers that are not shared; ours never are.
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>

async function verifyByWebCrypto(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): Promise<boolean> {
  if (!passesStrictChecks(signature, publicKey)) return false
  const key = await crypto.subtle.importKey('raw', plain(publicKey), algorithm, false, ['verify'])
  return crypto.subtle.verify(algorithm, key, plain(signature), plain(message))
}

/**
 * A key with a part of small order, made so that the equation with cofactor accepts what ours refuses (`lax`), and a signature that both accept (`good`).
 * An engine that answers the first with yes does not use our equation.
 */
const probe = {
  key: fromHex('b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58'),
  message: fromHex('6d697865642030'),
  lax: fromHex('916a56053ad55948aedefaa4b28a1b945d439a565e4d80dd4a99cb1ea30b22a950406c5bb777b1f77187d01268e87021c0401801bb523603978e8f93a8442907'),
  good: fromHex('26f3c95afc47f380558d4861218078f09630bde38dc93158e221b8f3012bd3c790b774ec7d4efdb846b791058c7366f659c4926ef81da44e1ccbf68a707de70f'),
  goodMessage: fromHex('6d697865642037'),
} as const

/** True when this engine's WebCrypto has Ed25519 and judges as we do. */
export async function isWebCryptoStrict(verify: Verify = verifyByWebCrypto): Promise<boolean> {
  try {
    return !(await verify(probe.lax, probe.message, probe.key)) && (await verify(probe.good, probe.goodMessage, probe.key))
  } catch {
    return false
  }
}

let strict: Promise<boolean> | undefined

/** Strict verification by the fastest way that this engine offers. Never throws for bad input. */
export async function verifyInBrowser(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): Promise<boolean> {
  strict ??= isWebCryptoStrict()
  return (await strict) ? verifyByWebCrypto(signature, message, publicKey) : verifyStrict(signature, message, publicKey)
}

/** A signer from a seed: the seed goes into the engine's key store, unextractable, where there is one for Ed25519. */
export async function signerInBrowser(seed: Uint8Array): Promise<Signer> {
  const portable = portableSigner(seed)
  const der = new Uint8Array(pkcs8Head.length + 32)
  der.set(pkcs8Head)
  der.set(seed, pkcs8Head.length)
  try {
    const key = await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
    return { publicKey: portable.publicKey, sign: async (message) => new Uint8Array(await crypto.subtle.sign(algorithm, key, plain(message))) }
  } catch {
    return portable
  } finally {
    der.fill(0)
  }
}

/** A fresh device key that nobody can take out of this browser; undefined where WebCrypto has no Ed25519. A `CryptoKeyPair` can be kept in IndexedDB. */
export async function makeDeviceKey(): Promise<{ readonly signer: Signer; readonly pair: CryptoKeyPair } | undefined> {
  try {
    const pair = (await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])) as CryptoKeyPair
    return { signer: await signerOfPair(pair), pair }
  } catch {
    return undefined
  }
}

export async function signerOfPair(pair: CryptoKeyPair): Promise<Signer> {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { publicKey, sign: async (message) => new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, plain(message))) }
}
