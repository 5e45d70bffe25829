import { fillTemplate } from '@icn/domain'
import { openSqliteStore, type Store } from '@icn/journal'
import { newOffsets } from '@icn/node'
import { commonsSpace, dayMs, didOfKey, hourMs, minuteMs, type OperationId, type RawOperation, type SpaceId } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { type DevWorld, food, writeHistory } from './history.ts'
import { Past, operationsOf } from './past.ts'
import { personNamed } from './people.ts'

/** Three nodes, two coops: food at the first and the second node, housing at the second and the third. */

export const housing = 'coop:housing' as SpaceId

export interface DevNode {
  readonly folder: string
  readonly seed: Uint8Array
}

export async function writeWorld(nodes: readonly [DevNode, DevNode, DevNode], until: number, origin: string): Promise<DevWorld & { readonly network: OperationId }> {
  const [elm, oak, ash] = nodes
  const keys = nodes.map(({ seed }) => signingKeyFromSeed(seed)) as [SigningKey, SigningKey, SigningKey]
  const world = await writeHistory(storeOf(elm), elm.seed, until, origin)
  const { ana, ben } = world.people

  const first = new Past(food, storeOf(elm), keys[0], until - 50 * minuteMs)
  await first.addHost([ana, ben], keys[1], 'Oak')
  const network = first.journal.info(commonsSpace)?.genesis as OperationId
  const shared = operationsOf(first.journal, commonsSpace)
  const foodOperations = operationsOf(first.journal, food)
  await first.journal.close()

  const second = new Past(housing, storeOf(oak), keys[1], until - 120 * dayMs)
  // Only what founding needs: whatever is newer would move the node’s clock there.
  await takeIn(second, commonsSpace, shared.slice(0, 1), second.now)
  await foundHousing(second, world.people, network, until)
  await second.addHost([world.people.dora, ana], keys[2], 'Ash')
  const housingOperations = operationsOf(second.journal, housing)
  await takeIn(second, commonsSpace, shared, until)
  await takeIn(second, food, foodOperations, until)
  await second.journal.close()

  const third = new Past(housing, storeOf(ash), keys[2], until)
  await takeIn(third, commonsSpace, shared, until)
  await takeIn(third, housing, housingOperations, until)
  await third.journal.close()
  return { ...world, network }
}

const storeOf = ({ folder }: DevNode): Store => openSqliteStore({ folder })

/** As it would come from another node, under the clock of the day it is copied. */
async function takeIn(past: Past, space: SpaceId, operations: readonly RawOperation[], now: number): Promise<void> {
  const before = past.now
  past.now = now
  const { malformed } = await past.journal.ingest(space, operations)
  const held = past.journal.info(space)?.operations.held
  if (malformed.length > 0 || held !== 0) throw new Error(`${space} could not be taken over: ${malformed.length} malformed, ${held} held`)
  past.now = before
}

/** A house of eight flats with two stewards. */
async function foundHousing(past: Past, { ana, dora }: DevWorld['people'], network: OperationId, until: number): Promise<void> {
  const [hedda, emil] = ['Hedda', 'Emil'].map(personNamed) as [ReturnType<typeof personNamed>, ReturnType<typeof personNamed>]
  const founders = [
    { did: dora.did, name: 'Dora', roles: ['member', 'steward'] },
    { did: ana.did, name: 'Ana', roles: ['member', 'steward'] },
    { did: hedda.did, name: 'Hedda', roles: ['member'] },
    { did: emil.did, name: 'Emil', roles: ['member', 'treasurer'] },
  ] as const
  const { charter } = fillTemplate('housing', { network, coop_id: 'housing', name: 'House at the mill', type: 'housing', founders })
  await past.say(
    dora.did,
    dora.key,
    'coop.found',
    {
      coop_id: 'housing',
      name: 'House at the mill',
      type: 'housing',
      template: 'housing',
      charter,
      host: { did: didOfKey(past.key.publicKey), label: 'Oak' },
      calendar: { time_zone: 'UTC', offsets: newOffsets('UTC', past.now) },
      nonce: new Uint8Array(16).fill(8),
    },
    { genesis: true },
  )
  for (const person of [dora, ana, hedda, emil]) {
    past.later(5 * hourMs)
    await past.signCharter(network, 'housing', person)
  }
  past.later(dayMs)
  await past.say(dora.did, dora.key, 'coop.activate', { charter_hash: past.charterHash })
  await past.say(dora.did, dora.key, 'coop.settings.set', { changes: [{ field: 'description', value: 'Eight flats, one laundry, one garden.', base: null }] })
  past.now = until - 2 * hourMs
  await past.journal.checkpoint(housing, 0)
}
