import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointId, Clock, Did, OperationId, OperationView, SettledCut, SpaceCheckpoint, SpaceId } from '@icn/protocol'
import { cidOf, checkpointIdOf, didOfKey, encodeCanonical, keyOfDid } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { failing, MemoryTables } from '@icn/testkit'
import { checkpointLaw } from './checkpoint.ts'
import { checkSpace, cutOf, lastCut } from './index.ts'

const hosts = [1, 2, 3, 4].map((seed) => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)) as [Did, Did, Did, Did]
const law = checkpointLaw('0-dev')
const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const chain = (cut: Clock): Uint8Array => bytes(cut[0] / 100)
const genesis = cidOf(encodeCanonical('genesis')) as OperationId

interface Change {
  readonly body?: Partial<SpaceCheckpoint>
  readonly settled?: Partial<SettledCut> | null
  readonly author?: Did
  readonly at?: Clock
}

class Space {
  readonly tables = new MemoryTables()
  n = 0

  body(cut: Clock, change: Partial<SpaceCheckpoint> = {}): SpaceCheckpoint {
    const base = {
      ballot: [1, keyOfDid(hosts[0])],
      cut: [...cut],
      layers: [{ cut: [...cut], changes: [] }],
      layers_digest: bytes(1),
      root: bytes(2),
      count: 5,
      pairs: 6,
      size: 7,
      rules: '0-dev',
      snapshot_id: bytes(3),
      global_state_root: bytes(4),
      acks: [hosts[0], hosts[1]].map((did) => ({ key: keyOfDid(did), signature: new Uint8Array(64) })),
      missing: [],
    }
    return law.body.parse({ ...base, ...change })
  }

  run(cut: Clock, change: Change = {}): readonly string[] {
    const body = this.body(cut, change.body)
    const settled: SettledCut = {
      root: body.root,
      pairs: body.pairs,
      bytes: body.size,
      count: body.count,
      hosts_before: hosts.slice(0, 3),
      hosts_at_cut: hosts.slice(0, 3),
      acks: body.acks.map(({ key }) => didOfKey(key)),
      layers_digest: body.layers_digest,
      chains: [this.chainOf(body.previous), ...body.layers.map((layer) => chain(layer.cut))],
      ...change.settled,
    }
    const at = change.at ?? [cut[0] + 30_000, 0]
    const op: OperationView<SpaceCheckpoint> = {
      id: cidOf(encodeCanonical(['op', this.n++])) as OperationId,
      space: 'coop:toy' as SpaceId,
      genesis,
      kind: law.kind,
      author: change.author ?? hosts[0],
      signer: hosts[0],
      grant: null,
      seq: 0,
      at,
      body,
      key: 'R',
      ...(change.settled === null ? {} : { settled }),
    }
    const decision = law.decide(op, this.tables)
    if (decision.outcome === 'lawful') law.apply(op, this.tables)
    return failing(decision)
  }

  /** What stands for everything up to a checkpoint. */
  chainOf(previous: CheckpointId | undefined): Uint8Array {
    if (previous === undefined) return bytes(0)
    const cut = cutOf(this.tables, previous)
    return cut === undefined ? bytes(9) : chain(cut)
  }

  id(cut: Clock, change: Partial<SpaceCheckpoint> = {}): CheckpointId {
    return checkpointIdOf('coop:toy' as SpaceId, genesis, this.body(cut, change))
  }
}

const acks = (...who: readonly Did[]): Partial<SpaceCheckpoint> => ({
  acks: who.map((did) => ({ key: keyOfDid(did), signature: new Uint8Array(64) })) as unknown as SpaceCheckpoint['acks'],
})

test('makes the cut final and findable by its id', () => {
  const space = new Space()
  assert.deepEqual(space.run([1_000, 0]), [])
  assert.deepEqual(lastCut(space.tables), [1_000, 0])
  const first = space.id([1_000, 0])
  assert.deepEqual(cutOf(space.tables, first), [1_000, 0])
  assert.deepEqual(space.run([2_000, 5], { body: { previous: first } }), [])
  assert.deepEqual(lastCut(space.tables), [2_000, 5])
  assert.deepEqual(checkSpace(space.tables), [])
})

test('refuses for each reason, in order of precedence', () => {
  const cases: readonly (readonly [string, Change, readonly string[]])[] = [
    ['an author who is no host', { author: hosts[3] }, ['NOT_A_HOST']],
    ['a cut after the operation', { at: [1_000, 0] }, ['CHECKPOINT_AHEAD']],
    ['a cut nobody could compute', { settled: null }, ['CHECKPOINT_UNSETTLED']],
    ['an unknown one before it', { body: { previous: cidOf(bytes(9)) as CheckpointId } }, ['CHECKPOINT_SPLIT']],
    ['an ack twice', { body: acks(hosts[0], hosts[0], hosts[1]) }, ['CHECKPOINT_ACKS']],
    ['an ack of a stranger', { body: acks(hosts[0], hosts[1], hosts[3]) }, ['CHECKPOINT_ACKS']],
    ['an ack that was not verified', { body: acks(hosts[0], hosts[1], hosts[2]), settled: { acks: [hosts[0], hosts[1]] } }, ['CHECKPOINT_ACKS']],
    ['one of three', { body: acks(hosts[0]) }, ['CHECKPOINT_NO_MAJORITY']],
    ['half of the hosts at the cut', { settled: { hosts_at_cut: [...hosts] } }, ['CHECKPOINT_NO_MAJORITY']],
    ['half of the hosts before', { settled: { hosts_before: [...hosts] } }, ['CHECKPOINT_NO_MAJORITY']],
    ['nobody at all', { settled: { hosts_before: [] } }, ['CHECKPOINT_NO_MAJORITY']],
    ['other rules', { body: { rules: '0-other' } }, ['CHECKPOINT_RULES']],
    ['another root', { settled: { root: bytes(8) } }, ['CHECKPOINT_ROOT_DIFFERS']],
    ['another count', { settled: { count: 6 } }, ['CHECKPOINT_ROOT_DIFFERS']],
    [
      'everything',
      { author: hosts[3], at: [999, 0], body: { ...acks(hosts[3]), rules: '0-other' }, settled: { pairs: 1 } },
      ['NOT_A_HOST', 'CHECKPOINT_AHEAD', 'CHECKPOINT_ACKS', 'CHECKPOINT_NO_MAJORITY', 'CHECKPOINT_RULES', 'CHECKPOINT_ROOT_DIFFERS'],
    ],
  ]
  for (const [what, change, codes] of cases) assert.deepEqual(new Space().run([1_000, 0], change), codes, what)
})

test('says already done for a cut that is behind, whoever brings it', () => {
  const space = new Space()
  space.run([1_000, 0])
  assert.deepEqual(space.run([1_000, 0]), ['CHECKPOINT_STALE'])
  assert.deepEqual(space.run([900, 0], { settled: null }), ['CHECKPOINT_STALE'])
})

test('of two that follow the same one, only a continuation of the first is right', () => {
  const layer = (ms: number): SpaceCheckpoint['layers'][number] => ({ cut: [ms, 0], changes: [] }) as unknown as SpaceCheckpoint['layers'][number]
  const space = new Space()
  space.run([1_000, 0])
  const first = space.id([1_000, 0])
  assert.deepEqual(space.run([2_000, 0], { body: { previous: first, layers: [layer(2_000)] } }), [])
  assert.deepEqual(space.run([3_000, 0], { body: { previous: first, layers: [layer(2_500), layer(3_000)] } }), ['CHECKPOINT_SPLIT'])
  assert.deepEqual(space.run([3_000, 0], { body: { layers: [layer(3_000)] } }), ['CHECKPOINT_SPLIT'])
  assert.deepEqual(space.run([3_000, 0], { body: { previous: first, layers: [layer(2_000), layer(3_000)] } }), [])
  assert.deepEqual(checkSpace(space.tables), [])
})
