import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { commonsSpace, type Did, type OperationId } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import type { TestNode } from '../e2e/harness.ts'
import { said, Stranger } from '../e2e/stranger.ts'

/** Somebody who says all that a stranger may say, as often as it is taken, and comes back under another name when it is cut off. */

const [, , network = '', address = '', did = ''] = process.argv
const node = { network: network as OperationId, at: { did: did as Did, network: { status: () => ({ addresses: [{ address }] }) } } } as unknown as TestNode
let isEnding = false
process.stdin.resume().on('end', () => {
  isEnding = true
})

const signer = new TestSigner(70)
const operations = Array.from({ length: 512 }, (_, i) => said(node, signer, i % 1_000))
const ids = [signer.sign({ space: commonsSpace, genesis: node.network, kind: 'trust.edge.set', body: {}, at: [1, 0] }).id]

for (let tries = 0; !isEnding; tries++) {
  const mallory = new Stranger(new Uint8Array(randomBytes(32)))
  await mallory.meet(node).catch(() => {})
  if (tries === 0) process.stdout.write('it begins\n')
  for (let w = 0; mallory.isConnected && !isEnding; w++) {
    // Little waits here: what the node does not read, nobody says.
    if (mallory.waitingBytes < 1_048_576) {
      for (let i = 0; i < 50; i++) mallory.say({ t: 'want', space: commonsSpace, w: w * 50 + i, ids })
      mallory.send(operations)
    }
    await wait(5)
  }
  await mallory.hangUp()
  await wait(20)
}
