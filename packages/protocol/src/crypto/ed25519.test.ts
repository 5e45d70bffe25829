import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromHex } from './hex.ts'
import { portableSigner } from './signer.ts'
import type { Signer } from './signer.ts'
import { signingKeyFromSeed, verifySignature } from './sodium.ts'
import { verifyStrict } from './strict.ts'
import { isWebCryptoStrict, makeDeviceKey, signerInBrowser, verifyInBrowser } from './web.ts'
import { toHex } from '../canonical.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/ed25519.json', import.meta.url), 'utf8')) as {
  readonly sign: readonly { readonly seed: string; readonly key: string; readonly message: string; readonly signature: string }[]
  readonly verify: readonly { readonly text: string; readonly key: string; readonly message: string; readonly signature: string; readonly valid: boolean }[]
}

/** One suite for every implementation: a signature that one accepts and another refuses would split a space. */
const verifiers: Readonly<Record<string, (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean | Promise<boolean>>> = {
  libsodium: verifySignature,
  'portable code': verifyStrict,
  'WebCrypto or portable code, as the browser has it': verifyInBrowser,
}

for (const [name, verify] of Object.entries(verifiers)) {
  test(`${name} answers every vector as the one equation does`, async () => {
    for (const { text, key, message, signature, valid } of vectors.verify) assert.equal(await verify(fromHex(signature), fromHex(message), fromHex(key)), valid, text)
  })
}

const signers: Readonly<Record<string, (seed: Uint8Array) => Signer | Promise<Signer>>> = {
  libsodium: signingKeyFromSeed,
  'portable code': portableSigner,
  browser: signerInBrowser,
}

for (const [name, signerOf] of Object.entries(signers)) {
  test(`${name} signs as RFC 8032 does`, async () => {
    for (const { seed, key, message, signature } of vectors.sign) {
      const signer = await signerOf(fromHex(seed))
      assert.equal(toHex(signer.publicKey), key)
      assert.equal(toHex(await signer.sign(fromHex(message))), signature)
    }
  })
}

test('an engine with the laxer equation is found out', async () => {
  assert.equal(await isWebCryptoStrict(async () => true), false)
  assert.equal(await isWebCryptoStrict(async () => false), false)
  assert.equal(await isWebCryptoStrict(() => Promise.reject(new Error('no Ed25519 here'))), false)
  assert.equal(await isWebCryptoStrict(async (...args) => verifyStrict(...args)), true)
})

test('random bytes never throw and are never good', () => {
  for (let i = 0; i < 200; i++) {
    const random = crypto.getRandomValues(new Uint8Array(64 + 32 + (i % 40)))
    for (const verify of [verifySignature, verifyStrict]) assert.equal(verify(random.subarray(0, 64), random.subarray(96), random.subarray(64, 96)), false)
  }
})

test('a device key signs and stays where it is', async () => {
  const device = await makeDeviceKey()
  assert.ok(device !== undefined)
  const message = new Uint8Array([1, 2, 3])
  assert.ok(verifySignature(await device.signer.sign(message), message, device.signer.publicKey))
  await assert.rejects(crypto.subtle.exportKey('pkcs8', device.pair.privateKey))
})
