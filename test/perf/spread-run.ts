import type { JournalApi } from '@icn/journal'
import { openSqliteStore, type Store } from '@icn/journal'
import type { Host } from '@icn/network'
import { openHost } from '@icn/network/node'
import { concatBytes, type Did, keyOfDid, type OperationId, rawBytes, type RawOperation, signingBytes } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { Chance, raw, TestSigner } from '@icn/testkit'
import { median, perSecond, scratchFolder } from './lib.ts'
import { connect, type Node, openNode, space } from './network.bench.ts'

/**
 * One side of the comparison in a process of its own: `icn` or `gossipsub`, and how many nodes. All nodes of a side share the process, so that what is measured is
 * the work of all of them, whatever the number of cores. Both sides get the same operations at one node, check each signature once at every node, and write
 * everything durably in the same kind of store, all that waits in one commit. Gossipsub carries one operation in a message; it neither orders nor folds them.
 */

const topic = 'icn/1/commons'
const warmCount = 300
const singles = 40
const burstCount = 1_000
const bursts = 3
const allCount = warmCount + singles + bursts * burstCount

export interface Measured {
  readonly perSecond: number
  readonly latencyMs: number
  /** Bytes of an operation, on average. */
  readonly bytes: number
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Nodes that are all linked, and a way to hand new operations in at the first. */
interface Mesh {
  write(operations: readonly RawOperation[]): void
  /** Operations that every node has and has written. */
  everywhere(): number
  close(): Promise<void>
}

async function linkAll(hosts: readonly Host[]): Promise<void> {
  for (const [index, host] of hosts.entries()) for (const other of hosts.slice(index + 1)) await host.dial(other.addresses()[0] as string)
}

async function found({ journal }: Node): Promise<OperationId> {
  await journal.propose({ space, kind: 'bench.found', author: journal.node, grant: null, body: {} })
  return (journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>).genesis
}

async function icnMesh(size: number): Promise<Mesh & { readonly genesis: OperationId; readonly at: number }> {
  const nodes = Array.from({ length: size }, (_, index) => openNode(20 + index))
  const first = nodes[0] as Node
  const genesis = await found(first)
  const ends = await Promise.all(nodes.map((node) => connect(node, genesis)))
  await linkAll(ends.map(({ host }) => host))
  const appliedAt = ({ journal }: Node): number => journal.info(space)?.operations.applied ?? 0
  await until(
    () => nodes.every((node) => appliedAt(node) === 1) && ends.every(({ replicator }) => replicator.links.filter(({ spaces }) => spaces.includes(space)).length === size - 1),
  )
  return {
    genesis,
    at: (first.journal.info(space)?.head?.at[0] ?? 0) + 1,
    write: (operations) => void first.journal.ingest(space, operations),
    everywhere: () => Math.min(...nodes.map(appliedAt)) - 1,
    async close() {
      for (const { replicator, host } of ends) {
        replicator.close()
        await host.close()
      }
      for (const node of nodes) await node.remove()
    },
  }
}

/** What waits is written together, as the journal does it. */
class Log {
  readonly #folder = scratchFolder()
  readonly #store: Store = openSqliteStore({ folder: this.#folder.path })
  #waiting: { readonly bytes: Uint8Array; resolve(): void }[] = []
  written = 0

  append(bytes: Uint8Array): Promise<void> {
    if (this.#waiting.length === 0) setImmediate(() => this.#flush())
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }))
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    this.#store.write(batch.map(({ bytes }, index) => ({ map: 'operations', key: String(this.written + index).padStart(8, '0'), value: bytes })))
    this.written += batch.length
    for (const { resolve } of batch) resolve()
  }

  close(): void {
    this.#store.close()
    this.#folder.remove()
  }
}

const packed = ({ envelope, signature, body }: RawOperation): Uint8Array =>
  concatBytes(signature, new Uint8Array(Uint32Array.of(envelope.length).buffer), envelope, body ?? new Uint8Array())

async function gossipMesh(size: number, signer: Did): Promise<Mesh> {
  const logs = Array.from({ length: size }, () => new Log())
  const key = keyOfDid(signer)
  const isGood = (data: Uint8Array): boolean => {
    const length = new DataView(data.buffer, data.byteOffset + 64, 4).getUint32(0, true)
    return verifySignature(data.subarray(0, 64), signingBytes(data.subarray(68, 68 + length)), key)
  }
  const hosts = await Promise.all(
    logs.map((log, index) =>
      openHost({
        seed: new Uint8Array(32).fill(100 + index),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        admits: () => true,
        onWire: (wire) => wire.listen({ frame() {}, drain() {}, closed() {} }),
        gossip: {
          async judge(_, __, data) {
            if (!isGood(data)) return 'reject'
            void log.append(data)
            return 'accept'
          },
          penaltyOf: () => 0,
        },
        fault: (_, error) => {
          throw error
        },
      }),
    ),
  )
  await linkAll(hosts)
  // Two heartbeats, until the mesh is there.
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  const [first, log] = [hosts[0] as Host, logs[0] as Log]
  return {
    write(operations) {
      for (const data of operations.map(packed)) if (isGood(data)) void log.append(data).then(() => first.publish(topic, data))
    },
    everywhere: () => Math.min(...logs.map(({ written }) => written)),
    async close() {
      for (const host of hosts) await host.close()
      for (const one of logs) one.close()
    },
  }
}

async function measure(mesh: Mesh, operations: readonly RawOperation[]): Promise<Measured> {
  let done = 0
  const carry = async (count: number): Promise<number> => {
    const from = performance.now()
    mesh.write(operations.slice(done, done + count))
    done += count
    await until(() => mesh.everywhere() >= done)
    return performance.now() - from
  }
  await carry(warmCount)
  const latencyMs = await median(singles, () => carry(1))
  const rate = await median(bursts, async () => perSecond(burstCount, await carry(burstCount)))
  return { perSecond: rate, latencyMs, bytes: operations.reduce((sum, one) => sum + rawBytes(one), 0) / operations.length }
}

function operationsFor(signer: TestSigner, genesis: OperationId, at: number): RawOperation[] {
  const chance = new Chance(1)
  return Array.from({ length: allCount }, (_, i) =>
    raw(signer.sign({ space, genesis, kind: 'bench.transfer', body: { payer: `a${chance.below(1_000)}`, payee: `b${chance.below(1_000)}`, amount: 1 }, at: [at, i] })),
  )
}

async function main(side: string, size: number): Promise<Measured> {
  const signer = new TestSigner(60)
  if (side === 'icn') {
    const mesh = await icnMesh(size)
    const measured = await measure(mesh, operationsFor(signer, mesh.genesis, mesh.at))
    await mesh.close()
    return measured
  }
  const founder = openNode(20)
  const operations = operationsFor(signer, await found(founder), Date.now())
  await founder.remove()
  const mesh = await gossipMesh(size, signer.did)
  const measured = await measure(mesh, operations)
  await mesh.close()
  return measured
}

const [, , side = '', size = ''] = process.argv
process.stdout.write(`${JSON.stringify(await main(side, Number(size)))}\n`)
