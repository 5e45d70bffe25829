import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, encodeCanonical, type RawOperation } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import { dayMs, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { said, Stranger } from './stranger.ts'

/** What a stranger can do to others with messages to everybody, over real gossipsub. */

/** All come from this machine, and count as if they did not. */
const flags = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.dial_loopback': 'true' }
const topic = 'icn/1/commons'

async function opened(t: TestContext, first?: TestNode): Promise<TestNode> {
  const node = new TestNode({ flags })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

async function counted(node: TestNode, verdict: 'accept' | 'ignore' | 'reject'): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  return Number(new RegExp(`^icn_gossip_messages_total\\{topic="commons",verdict="${verdict}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
}

const message = (operations: readonly RawOperation[]): Uint8Array => encodeCanonical({ ops: operations.map(({ envelope, signature, body }) => [envelope, signature, body]) })

it('what is broken, forged, repeated, too large or of no topic is rejected or ignored, charged to who sent it alone, and honest messages go on', async (t) => {
  const one = await opened(t)
  const two = await opened(t, one)
  await until('the network to be at both', () => two.at.journal.info(commonsSpace)?.genesis === one.network)
  const operator = { token: one.at.operatorToken }
  const kindsOf = async (did: Did): Promise<string[]> =>
    (await one.rpc.ask('network.evidence.list', { did, limit: 200 }, operator)).body.items.map(({ kind }: { kind: string }) => kind).sort()
  let weight = 0
  const honestGoesOn = async (): Promise<void> => {
    const before = (await counted(two, 'accept')) + (await counted(two, 'ignore'))
    await until(
      'an honest message at the other',
      async () => {
        const body = { subject: two.at.did, graph: 'technical', weight: ++weight, expires_at: Date.now() + 90 * dayMs }
        await one.at.journal.propose({ space: commonsSpace, kind: 'trust.edge.set', author: one.at.did, grant: null, body })
        await new Promise((resolve) => setTimeout(resolve, 200))
        return (await counted(two, 'accept')) + (await counted(two, 'ignore')) > before
      },
      20_000,
    )
  }
  await honestGoesOn()

  const mallory = new Stranger(undefined, true)
  t.after(() => mallory.hangUp())
  await mallory.meet(one)
  const ana = new TestSigner(70)
  const good = message([said(one, ana, 1)])
  await until('the first message to be heard', async () => mallory.gossip(topic, good) && (await counted(one, 'accept')) + (await counted(one, 'ignore')) > 0, 15_000)
  const heard = async (): Promise<readonly number[]> => Promise.all((['accept', 'ignore', 'reject'] as const).map((verdict) => counted(one, verdict)))
  const before = await heard()
  /** How many messages more have been accepted, ignored and rejected once something good that is sent after them has been heard. */
  const verdicts = async (...messages: readonly (readonly [string, Uint8Array])[]): Promise<readonly number[]> => {
    const from = await heard()
    for (const [to, data] of messages) mallory.gossip(to, data)
    const marked = message([said(one, ana, ++weight)])
    const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0)
    const now = async (): Promise<readonly number[]> => (await heard()).map((count, i) => count - (from[i] as number))
    const isMarked = (): boolean => one.at.journal.operations(commonsSpace, { limit: 10_000 }).some(({ body }) => (body as { weight?: number }).weight === weight)
    await until(
      'the message after them',
      () => {
        mallory.gossip(topic, marked)
        return isMarked()
      },
      15_000,
    )
    await until('it to be counted', async () => sum(await now()) > 0)
    return (await now()).map((count, i) => count - (i === 0 ? 1 : 0))
  }
  assert.equal(before[2], 0)
  assert.deepEqual(await verdicts([topic, Uint8Array.of(1, 2, 3)]), [0, 0, 1], 'garbage')
  assert.deepEqual(await verdicts([topic, message([{ ...said(one, new TestSigner(71), 1), signature: new Uint8Array(64).fill(1) }])]), [0, 0, 1], 'forged')
  assert.deepEqual(await verdicts([topic, good], [topic, good]), [0, 0, 0], 'a message that was heard before is none')
  assert.deepEqual(await verdicts(['icn/1/elsewhere', good]), [0, 0, 0], 'nobody listens there')
  assert.deepEqual(await kindsOf(mallory.did), ['gossip_invalid', 'gossip_invalid'])
  await honestGoesOn()
  mallory.gossip(topic, new Uint8Array(200_000))
  await honestGoesOn()
  assert.deepEqual([await kindsOf(two.at.did), await kindsOf(ana.did), await kindsOf(new TestSigner(71).did)], [[], [], []])
  await one.healthy()
  await two.healthy()
})

it('whoever goes on with it is cut off, and others are listened to', async (t) => {
  const one = await opened(t)
  const [mallory, honest] = [new Stranger(undefined, true), new Stranger(undefined, true)]
  for (const stranger of [mallory, honest]) {
    t.after(() => stranger.hangUp())
    await stranger.meet(one)
  }
  const isTaken = (weight: number): boolean => one.at.journal.operations(commonsSpace, { limit: 10_000 }).some(({ body }) => (body as { weight?: number }).weight === weight)
  /** Says something good again and again: is it taken? */
  const comesThrough = async (who: Stranger, signer: TestSigner, weight: number): Promise<boolean> => {
    const good = message([said(one, signer, weight)])
    for (let i = 0; i < 100 && !isTaken(weight); i++) {
      who.gossip(topic, good)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return isTaken(weight)
  }
  const [ana, ben] = [new TestSigner(70), new TestSigner(71)]
  assert.ok(await comesThrough(mallory, ana, 1))
  assert.ok(await comesThrough(honest, ben, 2))
  // Gossipsub believes somebody of good standing for a second at a time.
  for (let i = 0; i < 150; i++) {
    mallory.gossip(topic, Uint8Array.of(0xff, i))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until('some of them to be rejected', async () => (await counted(one, 'reject')) > 0)
  assert.equal(await comesThrough(mallory, ana, 3), false)
  assert.ok(await comesThrough(honest, ben, 4))
  await until('its link to end', () => !mallory.isConnected)
  assert.equal(mallory.of('bye')[0]?.code, 'PEER_NOT_TRUSTED')
  await one.healthy()
})
