import type { JournalApi } from '@icn/journal'
import { Chance, raw, TestSigner } from '@icn/testkit'
import { connect, openNode, space } from './network.bench.ts'

/** A node in a process of its own that has everything: tells its address and the first operation, and ends with its standard input. */

const [, , count = ''] = process.argv

const full = openNode(1)
await full.journal.propose({ space, kind: 'bench.found', author: full.journal.node, grant: null, body: {} })
const { genesis, head } = full.journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>
const signer = new TestSigner(50)
const chance = new Chance(1)
const sizeMax = 512
for (let from = 0; from < Number(count); from += sizeMax) {
  const operations = Array.from({ length: Math.min(sizeMax, Number(count) - from) }, (_, k) =>
    signer.sign({
      space,
      genesis,
      kind: 'bench.transfer',
      body: { payer: `a${chance.below(1_000)}`, payee: `b${chance.below(1_000)}`, amount: 1 },
      at: [(head?.at[0] ?? 0) + 1 + Math.floor((from + k) / 60_000), (from + k) % 60_000],
    }),
  )
  await full.journal.ingest(space, operations.map(raw))
}
const { replicator, host } = await connect(full, genesis)
process.stdout.write(`${JSON.stringify({ genesis, address: host.addresses()[0] })}\n`)
process.stdin.resume()
process.stdin.on('end', async () => {
  replicator.close()
  await host.close()
  await full.remove()
})
