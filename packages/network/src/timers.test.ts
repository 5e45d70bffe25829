import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualTime } from '@icn/testkit'
import { Timers } from './timers.ts'

it('what is asked for after the end never happens', async () => {
  const time = new VirtualTime(0, () => false)
  const ran: string[] = []
  const timers = new Timers({ now: () => time.now(), after: (ms, run) => time.after(ms, run), chance: () => 0 }, (error) => assert.fail(String(error)))
  timers.after(10, () => void ran.push('before'))
  timers.after(100, () => void ran.push('cancelled by the end'))
  await time.pass(50)
  timers.end()
  timers.after(10, () => void ran.push('after'))
  await time.pass(1_000)
  assert.deepEqual(ran, ['before'])
})
