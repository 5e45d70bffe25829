import { engineBench } from './engine.bench.ts'
import { print } from './lib.ts'
import { networkBench } from './network.bench.ts'

const benches = { engine: engineBench, network: networkBench }

const name = process.argv[2] ?? 'engine'
const bench = benches[name as keyof typeof benches]
if (bench === undefined) {
  process.stderr.write(`There is no benchmark ${name}; there are: ${Object.keys(benches).join(', ')}\n`)
  process.exitCode = 2
} else print(await bench())
