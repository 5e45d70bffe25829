import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ClockReading } from '@icn/network'
import { ClockKeeper } from './clock.ts'

it('tells once that the clock is off, and that it agrees again only when peers say so', async () => {
  const told: string[] = []
  const keeper = new ClockKeeper({
    journal: { clock: { backwardJumps: 0 }, ownClockAheadMs: undefined } as never,
    metrics: { add() {}, set() {} },
    log: { warn() {}, info() {} },
    nodeEvents: { tell: (type, data) => void told.push(`${type} ${JSON.stringify(data)}`) },
    wall: () => 0,
    fault: (error) => assert.fail(String(error)),
  })
  const read = async (state: ClockReading['state'], aheadMs: number | null, samples = 3): Promise<readonly string[]> => {
    keeper.compare = async () => ({ state, aheadMs, samples })
    await keeper.check()
    return told.splice(0)
  }
  assert.deepEqual(await read('ok', 10), [], 'it was never wrong')
  assert.deepEqual(await read('off', 9_000), ['clock.off {"ahead_ms":9000,"samples":3}'])
  assert.deepEqual(await read('ahead', 70_000), [], 'that is known')
  assert.deepEqual(await read('unknown', null, 1), [], 'nobody is left who could say')
  assert.deepEqual(await read('ahead', 70_000), [])
  assert.deepEqual(await read('noted', 900), ['clock.ok {"ahead_ms":900,"samples":3}'])
  assert.deepEqual(await read('behind', -80_000), ['clock.off {"ahead_ms":-80000,"samples":3}'])
  keeper.close()
})
