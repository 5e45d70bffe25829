import type { Did, Law, OperationView, SettledCut, SpaceCheckpoint as Body, Tables } from '@icn/protocol'
import { checkpointIdOf, compareClocks, didOfKey, equalBytes, Judgement, SpaceCheckpoint } from '@icn/protocol'
import { adoptedRules, lastCheckpoint } from './queries.ts'
import type { CheckpointRow } from './tables.ts'
import { checkpointCuts, checkpoints } from './tables.ts'

/**
 * The law of `space.checkpoint` (snapshot page §3, rulings 23 to 25). It judges a certificate by what it says and by what the
 * engine found when it settled the cut; who carried it here, and what happened after the cut, does not matter.
 */
export function checkpointLaw(rules: string): Law<Body> {
  return {
    kind: 'space.checkpoint',
    key: 'R',
    body: SpaceCheckpoint,
    decide(op, facts) {
      const j = new Judgement()
      const { body, settled } = op
      const before = settled?.hosts_before ?? []
      const atCut = settled?.hosts_at_cut ?? []
      const hosts = new Set<Did>([...before, ...atCut])
      if (settled !== undefined) j.refuseIf(!hosts.has(op.author), 'NOT_A_HOST', { params: { did: op.author } })
      const last = lastCheckpoint(facts)
      if (j.refuseIf(last !== undefined && compareClocks(body.cut, last.cut) <= 0, 'CHECKPOINT_STALE', { params: { cut: body.cut, last: last?.cut ?? null } })) return j.decision()
      j.refuseIf(compareClocks(body.cut, op.at) >= 0, 'CHECKPOINT_AHEAD', { params: { cut: body.cut, at: op.at } })
      if (j.refuseIf(settled === undefined, 'CHECKPOINT_UNSETTLED') || settled === undefined) return j.decision()
      j.refuseIf(!continues(settled, last), 'CHECKPOINT_SPLIT', { params: { previous: body.previous ?? null } })

      const acks = body.acks.map(({ key }) => didOfKey(key))
      const distinct = new Set(acks)
      j.refuseIf(distinct.size !== acks.length || acks.some((did) => !hosts.has(did) || !settled.acks.includes(did)), 'CHECKPOINT_ACKS', { used: distinct.size })
      const short = [before, atCut].find((set) => !isMajority(set, distinct))
      j.refuseIf(
        short !== undefined,
        'CHECKPOINT_NO_MAJORITY',
        short === undefined
          ? {}
          : { limit: short.length, used: short.filter((did) => distinct.has(did)).length, params: { limit: short.length, used: short.filter((did) => distinct.has(did)).length } },
      )
      const expected = adoptedRules(facts, body.cut[0]) ?? rules
      j.refuseIf(body.rules !== expected, 'CHECKPOINT_RULES', { params: { found: body.rules, expected } })
      const differing = differences(body, settled)
      j.refuseIf(differing.length > 0, 'CHECKPOINT_ROOT_DIFFERS', { params: { fields: differing } })
      return j.decision()
    },
    apply(op, tables) {
      applyCheckpoint(op, tables)
    },
  }
}

function applyCheckpoint(op: OperationView<Body>, tables: Tables): void {
  const { body } = op
  const id = checkpointIdOf(op.space, op.genesis, body)
  tables.put(checkpoints, [...body.cut], {
    id,
    ...(body.previous === undefined ? {} : { previous: body.previous }),
    root: body.root,
    count: body.count,
    hosts: [...(op.settled?.hosts_at_cut ?? [])],
    chain: op.settled?.chains.at(-1) ?? noChain,
  })
  tables.put(checkpointCuts, [id], body.cut)
}

/** More than half. An empty set has no majority. */
function isMajority(set: readonly Did[], acks: ReadonlySet<Did>): boolean {
  return set.filter((did) => acks.has(did)).length * 2 > set.length
}

/** Its layers begin with all that is final: it follows the last checkpoint, or continues what that one has in common with it. */
function continues({ chains }: SettledCut, last: CheckpointRow | undefined): boolean {
  return chains.slice(0, -1).some((chain) => equalBytes(chain, last?.chain ?? noChain))
}

/** What stands for the layers of a space that has none. */
const noChain = new Uint8Array(32)

function differences(body: Body, settled: NonNullable<OperationView['settled']>): string[] {
  const found: string[] = []
  if (!equalBytes(body.layers_digest, settled.layers_digest)) found.push('layers_digest')
  if (!equalBytes(body.root, settled.root)) found.push('root')
  if (body.count !== settled.count) found.push('count')
  if (body.pairs !== settled.pairs) found.push('pairs')
  if (body.size !== settled.bytes) found.push('size')
  return found
}
