import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { openWorld, personOf, type World } from './fixture.ts'
import { Session, type StoredTokens } from './session.ts'
import { restTransport } from './transport.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world[Symbol.asyncDispose]())

function memoryTokens() {
  let kept: StoredTokens | undefined
  return { get: async () => kept, set: async (_: string, __: unknown, tokens: StoredTokens | undefined) => void (kept = tokens) }
}

it('renews at four fifths of a token’s life, on a clock that nobody can set', async () => {
  let [wall, monotonic] = [1_000_000, 0]
  const session = new Session({ transport: restTransport(world.rest), identity: personOf('Ada'), wall: () => wall, monotonic: () => monotonic })
  const first = await session.token()
  monotonic += 479_000
  wall += 86_400_000
  assert.equal(await session.token(), first, 'the wall clock jumped a day ahead')
  wall -= 3 * 86_400_000
  assert.equal(await session.token(), first, 'and back again')
  monotonic += 2_000
  world.node.now += 481_000
  const second = await session.token()
  assert.notEqual(second, first)
})

it('shares one sign-in among many callers', async () => {
  let verifies = 0
  const rest = restTransport(world.rest)
  const send: typeof rest.send = (call) => {
    if (call.method === 'auth.verify') verifies++
    return rest.send(call)
  }
  const session = new Session({ transport: { ...rest, send }, identity: personOf('Ben') })
  const tokens = await Promise.all(Array.from({ length: 8 }, () => session.token()))
  assert.equal(new Set(tokens).size, 1)
  assert.equal(verifies, 1)
})

it('goes on with the tokens of another process, and signs in anew when they are no good', async () => {
  const tokens = memoryTokens()
  const parts = { transport: restTransport(world.rest), identity: personOf('Chen'), tokens }
  const first = await new Session(parts).token()
  assert.equal(await new Session(parts).token(), first)
  const stored = (await tokens.get()) as StoredTokens
  await tokens.set('', '', { ...stored, renew_at: 0, refresh_token: 'A'.repeat(43) })
  assert.notEqual(await new Session(parts).token(), first)
})

it('renews a token that the node has thrown away, once, without troubling the caller', async () => {
  const ada = world.as('Dora')
  await ada.me.get()
  await world.as('Dora').signOut('every')
  assert.equal((await ada.me.get()).did, personOf('Dora').did)
})
