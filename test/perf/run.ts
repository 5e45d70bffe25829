import { cutsBench } from './cuts.bench.ts'
import { engineBench } from './engine.bench.ts'
import { floodBench } from './flood.bench.ts'
import { framesBench } from './frames.bench.ts'
import { print, type Row } from './lib.ts'
import { transferBench } from './transfer.bench.ts'
import { syncBench } from './network.bench.ts'
import { snapshotBench } from './snapshot.bench.ts'
import { spreadBench } from './spread.bench.ts'

/** Everything that needs a second node; each part goes by itself, too. */
const ofNetwork = { sync: syncBench, frames: framesBench, flood: floodBench, spread: spreadBench }

async function networkBench(): Promise<Row[]> {
  const rows: Row[] = []
  for (const part of Object.values(ofNetwork)) rows.push(...(await part()))
  return rows
}

const benches = {
  engine: engineBench,
  network: networkBench,
  ...ofNetwork,
  snapshot: async () => [...(await snapshotBench()), ...(await cutsBench()), ...(await transferBench())],
  cuts: cutsBench,
  transfer: transferBench,
}

const name = process.argv[2] ?? 'engine'
const bench = benches[name as keyof typeof benches]
if (bench === undefined) {
  process.stderr.write(`There is no benchmark ${name}; there are: ${Object.keys(benches).join(', ')}\n`)
  process.exitCode = 2
} else print(await bench())
