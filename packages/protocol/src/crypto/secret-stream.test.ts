import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { utf8 } from '../canonical.ts'
import { isGoodPoint } from '../did.ts'
import { openSealed, sealedBoxExtraBytes, sealForKey } from './sealed-box.ts'
import { StreamOpener, StreamSealer, secretStreamExtraBytes } from './secret-stream.ts'
import { portableSigner } from './signer.ts'

const key = new Uint8Array(32).fill(7)
const about = utf8('about')
const words = ['one', 'two', ''].map(utf8)

function sealed(): { readonly header: Uint8Array; readonly boxes: readonly Uint8Array[] } {
  const sealer = new StreamSealer(key)
  return { header: sealer.header, boxes: words.map((word, i) => sealer.seal(word, about, i === words.length - 1)) }
}

function open(opener: StreamOpener, box: Uint8Array, additional = about): { readonly tag: string | undefined; readonly plain: Uint8Array } {
  const plain = new Uint8Array(box.length - secretStreamExtraBytes)
  return { tag: opener.open(box, additional, plain), plain }
}

describe('a secret stream', () => {
  it('opens in its order and says which message is the last', () => {
    const { header, boxes } = sealed()
    const opener = new StreamOpener(key, header)
    const read = boxes.map((box) => open(opener, box))
    assert.deepEqual(
      read.map(({ tag }) => tag),
      ['more', 'more', 'last'],
    )
    assert.deepEqual(
      read.map(({ plain }) => plain),
      words,
    )
  })

  it('opens no message out of its place, altered, under other additional data, or of another stream', () => {
    const { header, boxes } = sealed()
    const [first, second] = boxes as [Uint8Array, Uint8Array]
    assert.equal(open(new StreamOpener(key, header), second).tag, undefined)
    assert.equal(open(new StreamOpener(key, header), first, utf8('other')).tag, undefined)
    assert.equal(open(new StreamOpener(new Uint8Array(32), header), first).tag, undefined)
    assert.equal(open(new StreamOpener(key, sealed().header), first).tag, undefined)
    for (let at = 0; at < first.length; at++) {
      const altered = first.slice()
      altered[at] = (altered[at] as number) ^ 1
      assert.equal(open(new StreamOpener(key, header), altered).tag, undefined, `byte ${at}`)
    }
  })
})

describe('a sealed box', () => {
  const seed = new Uint8Array(32).fill(9)
  const { publicKey } = portableSigner(seed)

  it('opens with the seed of the key it was sealed for, and with no other', () => {
    const box = sealForKey(publicKey, key) as Uint8Array
    assert.equal(box.length, key.length + sealedBoxExtraBytes)
    assert.deepEqual(openSealed(seed, box), key)
    assert.equal(openSealed(new Uint8Array(32).fill(8), box), undefined)
    assert.equal(openSealed(seed, box.subarray(1)), undefined)
    assert.equal(openSealed(seed, new Uint8Array(3)), undefined)
    box[40] = (box[40] as number) ^ 1
    assert.equal(openSealed(seed, box), undefined)
  })

  it('is not made for a point outside the main subgroup', () => {
    const small = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
    const point = ed25519.Point.BASE.add(small).toBytes()
    assert.equal(isGoodPoint(point), true)
    assert.equal(sealForKey(point, key), undefined)
  })
})
