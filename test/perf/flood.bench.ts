import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { OperationId } from '@icn/protocol'
import { DevNetwork } from '../../apps/icnd/src/dev/network.ts'
import { personNamed } from '../../apps/icnd/src/dev/people.ts'
import { at } from '../e2e/conflict.ts'
import { freePort } from '../e2e/harness.ts'
import { median, type Row, scratchFolder } from './lib.ts'

/** How long it takes until what one node has acknowledged can be read at another, in three processes, while a stranger floods the other and while nobody does. */

const samples = 60

async function openNetwork(root: string): Promise<DevNetwork> {
  const ports = new Map<string, number>()
  for (const door of ['gateway', 'rpc', 'metrics', 'network']) for (const index of [0, 1, 2]) ports.set(door + index, await freePort())
  const network = new DevNetwork({ root, told: () => {}, port: (door, index) => ports.get(door + index) as number, flags: { 'gateway.rate_permille': '1000000' } })
  await network.open()
  return network
}

/** A process that says to a node as much as it takes; ends with its standard input. */
async function flood(network: DevNetwork) {
  const { network_id, bootstrap } = JSON.parse(readFileSync(join(network.folder(0), 'network.json'), 'utf8')) as { network_id: OperationId; bootstrap: string[] }
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'flooder.ts'), network_id, bootstrap[0] as string, network.nodes[1]?.did as string], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  return async (): Promise<void> => {
    child.stdin.end()
    await ended
  }
}

export async function floodBench(): Promise<Row[]> {
  const folder = scratchFolder()
  const network = await openNetwork(folder.path)
  try {
    const [writer, reader] = [at(network, 0, 'Hana'), at(network, 1, 'Hana')]
    const { did } = personNamed('Hana')
    let count = 0
    const carry = async (): Promise<number> => {
      const { operations } = await writer.coop.updateProfile({ coop_id: 'food', did, name: `Hana ${count++}` })
      const from = performance.now()
      await reader.coop.getMember({ coop_id: 'food', did }, { atLeast: operations[0]?.id as OperationId, waitMs: 10_000 })
      return performance.now() - from
    }
    await wait(2_000)
    await median(20, carry)
    const calm = await median(samples, carry)
    const stop = await flood(network)
    await wait(2_000)
    const flooded = await median(samples, carry)
    await stop()
    return [
      {
        name: 'until another node answers with what was written, while a stranger floods it',
        value: flooded,
        unit: 'ms',
        bound: 'while nobody does',
        boundValue: calm,
        goal: { atMost: 2 },
      },
    ]
  } finally {
    await network.stop()
    folder.remove()
  }
}
