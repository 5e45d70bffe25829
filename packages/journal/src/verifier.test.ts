import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { packChecks, unpackChecks } from './check-packing.ts'
import type { SignatureCheck } from './receive.ts'
import { Verifier } from './verifier.ts'

const key = signingKeyFromSeed(new Uint8Array(32).fill(1))

const checkOf = (index: number): SignatureCheck => {
  const message = new Uint8Array(index % 300).fill(index)
  return { signature: key.sign(message), key: key.publicKey, message }
}

describe('the verifier', () => {
  it('says of each signature what it is, in threads as on its own', async () => {
    const checks = Array.from({ length: 500 }, (_, index) => checkOf(index))
    const forged = checks.map((check, index) => (index % 7 === 3 ? { ...check, message: new Uint8Array([...check.message, 1]) } : check))
    const expected = forged.map((_, index) => index % 7 !== 3)
    for (const threads of [0, 1, 2]) {
      const verifier = new Verifier({ threads })
      assert.deepEqual(await verifier.verify(forged), expected)
      await verifier.close()
    }
  })

  it('hands over parts of any length unchanged', () => {
    const checks: SignatureCheck[] = [
      { signature: new Uint8Array(), key: new Uint8Array([1]), message: new Uint8Array() },
      { signature: new Uint8Array([2, 3]), key: new Uint8Array(), message: new Uint8Array(70_000).fill(9) },
      checkOf(5),
    ]
    assert.deepEqual(
      unpackChecks(packChecks(checks)).map(({ signature, key: by, message }) => [[...signature], [...by], [...message]]),
      checks.map(({ signature, key: by, message }) => [[...signature], [...by], [...message]]),
    )
    assert.deepEqual(unpackChecks(packChecks([])), [])
  })
})
