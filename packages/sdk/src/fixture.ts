import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { charterHashOf, charterStatementPayload, signStatement, toBase64Url } from '@icn/protocol'
import { keyOf, TestNode } from '../../gateway/src/fixture.ts'
import type { OpenDoor } from '../../gateway/src/gateway.ts'
import { type Client, type ConnectOptions, connect } from './client.ts'
import { type Identity, identityOf } from './identity.ts'
import type { Fetch } from './transport.ts'

/** A node in memory behind real doors on ephemeral ports, and people with keys of their own, for tests of clients. */

export const personOf = (name: string, parts: Parameters<typeof identityOf>[1] = {}): Identity => identityOf(keyOf(name), parts)

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface World extends AsyncDisposable {
  readonly node: TestNode
  readonly rest: string
  readonly rpc: string
  /** A client of somebody; without a name: of nobody. */
  as(name?: string, options?: ConnectOptions): Client
  /** The same at the operator's door. */
  atRpc(name?: string, options?: ConnectOptions): Client
  /** Ada and Ben found the food coop and open it. */
  openFood(): Promise<void>
  restart(): Promise<void>
}

const fast = { retries: { firstWaitMs: 5, waitMsMax: 20 } } as const

export async function openWorld(): Promise<World> {
  const port = await freePort()
  const node = new TestNode({ port, publicOrigin: `http://127.0.0.1:${port}` })
  node.now = Date.now()
  await node.found([personOf('Vera').did])
  let gateway: OpenDoor = await node.gateway()
  const rpc = await node.rpc()
  const identityFor = (name: string | undefined): ConnectOptions => (name === undefined ? {} : { identity: personOf(name) })
  const world: World = {
    node,
    rest: gateway.address,
    rpc: rpc.address,
    as: (name, options = {}) => connect(gateway.address, { ...fast, ...identityFor(name), ...options }),
    atRpc: (name, options = {}) => connect(rpc.address, { ...fast, ...identityFor(name), transport: 'rpc', ...options }),
    async openFood() {
      const [ada, ben] = [world.as('Ada'), world.as('Ben')]
      const founders = [
        { did: personOf('Ada').did, name: 'Ada', roles: ['member', 'steward'] },
        { did: personOf('Ben').did, name: 'Ben', roles: ['member', 'steward'] },
      ]
      await ada.coop.create({ id: 'food', name: 'Food Coop', type: 'consumer', founders, min_founders: 2 })
      await signFood(ada, 'Ada')
      await signFood(ben, 'Ben')
      await ada.coop.activate({ coop_id: 'food' })
    },
    async restart() {
      await gateway.close()
      gateway = await node.gateway()
    },
    async [Symbol.asyncDispose]() {
      await gateway.close()
      await rpc.close()
      await node.calls.jobs.close()
      await node.journal.close()
    },
  }
  return world
}

export async function signFood(client: Client, name: string): Promise<void> {
  const { network, hash, version, charter } = await client.coop.charter.get({ coop_id: 'food' })
  if (charterHashOf(charter) !== hash) throw new Error('the hash is not that of the text')
  const { signature } = await signStatement(keyOf(name), 'charter', charterStatementPayload({ network, space: 'coop:food', hash, coop_id: 'food', version }))
  await client.coop.signCharter({ coop_id: 'food', hash, signature: toBase64Url(signature) })
}

/** A fetch that shows each answer of a method to `change` before the client sees it. */
export function tampering(change: (path: string, json: any) => unknown): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (!(response.headers.get('content-type') ?? '').includes('json')) return response
    const json = change(new URL(String(input)).pathname, await response.json())
    return new Response(JSON.stringify(json), { status: response.status, headers: { 'content-type': response.headers.get('content-type') ?? '' } })
  }
}
