import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Did, didOfKey, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { MemoryTables } from '@icn/testkit'
import { splitsOf } from './splits.ts'

const food = 'coop:food' as SpaceId
const [elm, oak, eve] = [1, 2, 3].map((seed) => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)) as [Did, Did, Did]
const genesis = 'bafyreiab7h46h5aulxeijkqcf46xikg72wbrxrdmzrddlelee5i3akj2ti'

const layer = (ms: number, seq: number) => ({ cut: [ms, 0], changes: [[new Uint8Array(32), seq, genesis]] })
const body = (...layers: object[]) => ({
  cut: (layers.at(-1) as { cut: unknown }).cut,
  layers,
  layers_digest: new Uint8Array([layers.length]),
  root: new Uint8Array(32),
  signed: [elm, oak],
})

/** What a host finds that has settled the first and been given the second, whose good signatures are these. */
function found(here: object, other: object, signed: readonly Did[] | undefined, code = 'LATE') {
  const placed = (id: string, said: object, checks: object[] = []) => ({ operation: { id, envelope: { kind: 'space.checkpoint' } }, body: said, checks })
  return splitsOf(
    {
      info: () => ({ genesis, readOnly: false }),
      read: () => new MemoryTables(),
      quarantine: () => [placed('theirs', other, [{ code, result: 'fail' }])],
      operations: () => [placed('ours', here)],
      cuts: { hosts: () => ({ previous: null, cut: null, before: [elm, oak], now: [elm, oak] }), signers: (_: SpaceId, said: object) => (said === other ? signed : [elm, oak]) },
    } as never,
    food,
  )
}

it('a certificate of hosts that contradicts what is final is a split; one of strangers, a forged one or a part of what is final is none', () => {
  const here = body(layer(10, 1), layer(20, 2))
  const other = body(layer(15, 3))
  const [split] = found(here, other, [elm])
  assert.deepEqual([split?.other.operation, split?.here.operation, split?.signedBoth, split?.isMajority], ['theirs', 'ours', [elm], false])
  assert.equal(found(here, other, [elm, oak])[0]?.isMajority, true)
  assert.equal(found(here, other, [oak], 'CHECKPOINT_SPLIT').length, 1)
  assert.deepEqual(found(here, other, undefined), [], 'its signatures are not good')
  assert.deepEqual(found(here, other, [eve]), [], 'anybody can sign one')
  assert.deepEqual(found(here, other, [elm, eve]), [])
  assert.deepEqual(found(here, body(layer(10, 1)), [elm]), [], 'what is final goes on from there')
  assert.deepEqual(found(body(layer(10, 1)), here, [elm]), [], 'it goes on from what is final')
  assert.deepEqual(found(here, { ...body(layer(10, 1)), layers: [{ cut: [10, 0], pages: [new Uint8Array(32)] }] }, [elm]), [], 'the same in pages')
  assert.deepEqual(found(here, other, [elm], 'FORKED'), [])
})
