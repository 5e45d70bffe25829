import {
  type Clock,
  checkpointIdOf,
  compareClocks,
  encodeCanonical,
  equalBytes,
  type RawOperation,
  type Rules,
  type SettledCut,
  SpaceCheckpoint,
  type SpaceId,
  type CheckpointId,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { Arriving } from './arriving.ts'
import type { Candidate } from './candidate.ts'
import type { Engine } from './engine.ts'
import { isCertified, validAcks } from './finality.ts'
import { chainAfter, chainStart, layersDigest } from './layers.ts'
import { readLayers } from './pages.ts'
import { Overlay } from './overlay.ts'
import type { CommitQueue } from './queue.ts'
import { examine } from './receive.ts'
import { Refusal } from './refusal.ts'
import { type Unproven, unproven } from './unproven.ts'
import type { CheckpointRecord } from './records.ts'
import type { Installed, InstallOptions, StateSource } from './states.ts'
import { putInPlace } from './state-place.ts'
import type { SpaceWork } from './work.ts'

type LeftStatus = 'late' | 'forked' | 'superseded'

/** Everything that has been proven of a state, for the one transaction that makes it real. */
export interface Proven {
  readonly source: Pick<StateSource, 'network' | 'space' | 'genesis'>
  readonly first: Candidate
  readonly firstChecks: ReturnType<SpaceWork['judge']>['decision']['checks']
  readonly founders: ReturnType<Rules['hosts']>
  readonly certificate: Candidate
  readonly body: SpaceCheckpoint
  readonly settled: SettledCut
  readonly record: CheckpointRecord
  readonly vectors: readonly Uint8Array[]
  readonly earlier: readonly { readonly record: CheckpointRecord; readonly settled: SettledCut }[]
  /** Named in chains, and not counted. */
  readonly leftBehind: readonly { readonly candidate: Candidate; readonly status: LeftStatus }[]
  readonly arriving: Arriving
}

/** Takes a state in: rows first, under a number that nobody knows; when all is proven, they become a space at once. */
export async function installState(engine: Engine, queue: CommitQueue, isRunning: (space: SpaceId) => boolean, source: StateSource, options: InstallOptions): Promise<Installed> {
  const demand = (): void => demandRoom(engine, isRunning, source, options)
  demand()
  const rules = engine.parts.rulesOf(source.space)
  const first = readWhole(source.first, rules, source, 'first_operation')
  if (first.operation.envelope.genesis !== null || first.operation.id !== source.genesis) throw unproven('first_operation')
  const certificate = readWhole(source.certificate, rules, source, 'certificate')
  const { body, acks } = certificateBody(source, certificate, rules)
  const arriving = new Arriving(engine, { ...source, at: first.operation.envelope.at, rules })
  try {
    const { layers, earlier, left } = await takeTraces(arriving, source, body, options)
    if (!arriving.holds(first)) throw unproven('first_operation')
    const leftBehind = left.map(([raw, status]) => ({ candidate: readWhole(raw, rules, source, 'traces'), status }))
    if (!leftBehind.every(({ candidate }) => arriving.holds(candidate))) throw unproven('traces')
    await arriving.takePairs(source.pairs(), body, options)
    const founding = judgeFirst(engine, first, source.space, rules)
    const previous = body.previous === undefined ? undefined : earlier.find(({ record }) => record.id === body.previous)?.record
    if (body.previous !== undefined && !isPredecessor(arriving.work, previous, body.previous as CheckpointId)) throw unproven('predecessor')
    const settled = settledHere(arriving.work, body, acks, { founders: founding.hosts, previous, layers })
    const findings = rules.check(arriving.work.state)
    if (findings.length > 0) throw unproven('checks', { findings: findings.map(({ invariant }) => invariant) })
    const record: CheckpointRecord = {
      id: checkpointIdOf(source.space, source.genesis, body),
      cut: body.cut,
      root: body.root,
      operation: certificate.operation.id,
      hosts: settled.hosts_at_cut,
      count: body.count,
      chain: settled.chains.at(-1) as Uint8Array,
    }
    const proven: Proven = {
      source,
      first,
      firstChecks: founding.checks,
      founders: founding.hosts,
      certificate,
      body,
      settled,
      record,
      vectors: layers,
      earlier,
      leftBehind,
      arriving,
    }
    await putInPlace(engine, queue, demand, proven)
    return {
      network: source.network,
      space: source.space,
      genesis: source.genesis,
      checkpoint: record.id as CheckpointId,
      cut: body.cut,
      root: body.root,
      rules: body.rules,
      pairs: body.pairs,
      bytes: body.size,
      count: body.count,
    }
  } finally {
    arriving.end()
  }
}

/** What stands in the way here, before anything is read and again before it becomes real. */
function demandRoom(engine: Engine, isRunning: (space: SpaceId) => boolean, { network, space, genesis }: StateSource, { replace, signal }: InstallOptions): void {
  signal?.throwIfAborted()
  if (engine.network !== undefined && engine.network !== network) throw new Refusal('NETWORK_MISMATCH', { network: engine.network, found: network })
  const held = engine.spaces.get(space)
  if (held !== undefined && held.record.genesis !== genesis) throw new Refusal('WRONG_GENESIS', { space, genesis: held.record.genesis })
  const { spacesCount } = engine.parts.options
  if (held === undefined && engine.byGenesis.size >= spacesCount) throw new Refusal('SPACES_FULL', { limit: spacesCount })
  if (held === undefined && !engine.byGenesis.has(genesis)) return
  if (replace !== true) throw new Refusal('SPACE_PRESENT', { space })
  if (isRunning(space)) throw new Refusal('SNAPSHOT_RUNNING', { space })
}

/** An operation that came whole, its signatures checked. */
function readWhole(raw: RawOperation, rules: Rules, { network, space, genesis }: StateSource, reason: Unproven): Candidate {
  const examined = examine(raw, rules, network)
  if ('malformed' in examined) throw unproven(reason, { detail: examined.malformed })
  const { candidate, checks } = examined
  const { envelope, id } = candidate.operation
  if (envelope.space !== space || (envelope.genesis ?? id) !== genesis) throw new Refusal('WRONG_GENESIS', { space, genesis })
  if (!checks.every(({ signature, message, key }) => verifySignature(signature, message, key))) throw unproven(reason, { detail: 'signature' })
  return candidate
}

function certificateBody(source: StateSource, { operation, body: found }: Candidate, rules: Rules): { readonly body: SpaceCheckpoint; readonly acks: SettledCut['acks'] } {
  const parsed = operation.envelope.kind === 'space.checkpoint' ? SpaceCheckpoint.safeParse(found) : undefined
  if (parsed?.success !== true || compareClocks(parsed.data.cut, operation.envelope.at) >= 0) throw unproven('certificate')
  const body = parsed.data
  if (body.rules !== rules.version) throw new Refusal('RULES_UNSUPPORTED', { found: body.rules, have: rules.version })
  const acks = validAcks(source.network, source.space, body)
  if (acks === undefined) throw unproven('acknowledgements')
  return { body, acks }
}

/** Names, places and what was settled before; answers the digests of the layers' vectors. */
async function takeTraces(
  arriving: Arriving,
  source: StateSource,
  body: SpaceCheckpoint,
  { signal }: InstallOptions,
): Promise<{ readonly layers: readonly Uint8Array[]; readonly earlier: Proven['earlier']; readonly left: readonly (readonly [RawOperation, LeftStatus])[] }> {
  const told: { readonly cut: Clock; readonly vector: Uint8Array }[] = []
  const earlier: { record: CheckpointRecord; settled: SettledCut }[] = []
  const left: (readonly [RawOperation, LeftStatus])[] = []
  for await (const page of source.traces()) {
    signal?.throwIfAborted()
    for (const trace of arriving.tracesOf(page)) {
      if (trace[0] === 'chain') arriving.takeRun(trace[1], trace[2], trace[3], body.cut)
      else if (trace[0] === 'left') left.push([{ envelope: trace[1], signature: trace[2], body: trace[3] }, trace[4]])
      else if (trace[0] === 'page') arriving.takePage(trace[1], body)
      else if (trace[0] === 'layer') told.push({ cut: trace[1], vector: trace[2] })
      else if (compareClocks(trace[1].cut, body.cut) <= 0) earlier.push({ record: trace[1], settled: trace[2] })
    }
  }
  const vector = arriving.endTraces()
  if (arriving.count !== body.count) throw unproven('count', { found: arriving.count, certified: body.count })
  const layers = body.layers.map(({ cut }, index, all) => (index === all.length - 1 ? vector : told.find((layer) => compareClocks(layer.cut, cut as Clock) === 0)?.vector))
  const known = layers.flatMap((digest, index) => (digest === undefined ? [] : [{ cut: (body.layers[index] as SpaceCheckpoint['layers'][number]).cut, vector: digest }]))
  if (known.length < layers.length) throw unproven('layers')
  if (!equalBytes(layersDigest(known), body.layers_digest)) throw unproven('vector')
  return { layers: known.map(({ vector }) => vector), earlier, left }
}

/** Hosts of the space after its first operation, judged where nothing else is. */
function judgeFirst(engine: Engine, first: Candidate, space: SpaceId, rules: Rules): { readonly hosts: ReturnType<Rules['hosts']>; readonly checks: Proven['firstChecks'] } {
  const { id, envelope } = first.operation
  const nowhere = engine.scratch(engine.prospect(space, id, envelope.at), new Overlay({ get: () => undefined, range: () => [] }))
  const { decision } = nowhere.judge(first)
  if (decision.outcome !== 'lawful') throw unproven('first_operation', { codes: decision.checks.filter(({ result }) => result === 'fail').map(({ code }) => code) })
  return { hosts: rules.hosts(nowhere.state), checks: decision.checks }
}

/** What is told of the checkpoint before is what the state itself says of it, where it does: its row comes with the operation that carried it. */
function isPredecessor({ rules, state }: SpaceWork, told: CheckpointRecord | undefined, id: CheckpointId): boolean {
  if (told === undefined) return false
  const row = rules.checkpointOf?.(state, id)
  if (row === undefined) return true
  const { cut, root, hosts, count, chain } = told
  return equalBytes(encodeCanonical({ cut, root, hosts, count, chain }), encodeCanonical({ cut: row.cut, root: row.root, hosts: row.hosts, count: row.count, chain: row.chain }))
}

/** What the finality step would have found, from the state itself (snapshot page §§6, 10). */
function settledHere(
  work: SpaceWork,
  body: SpaceCheckpoint,
  acks: SettledCut['acks'],
  { founders, previous, layers }: { readonly founders: SettledCut['acks']; readonly previous: CheckpointRecord | undefined; readonly layers: readonly Uint8Array[] },
): SettledCut {
  const chains = [previous?.chain ?? chainStart]
  const read = readLayers({ source: work.overlay, prefix: work.prefix }, body.layers)
  if (read === undefined || 'missing' in read) throw unproven('layers')
  for (const layer of read.layers) chains.push(chainAfter(chains.at(-1) as Uint8Array, layer))
  const hostsAtCut = work.rules.hosts(work.state)
  const lasting = (previous?.hosts ?? founders).filter((did) => work.rules.hasLapsed?.(work.state, did, body.cut) !== true)
  const settled: SettledCut = {
    root: body.root,
    pairs: body.pairs,
    bytes: body.size,
    count: body.count,
    hosts_before: lasting.length > 0 ? lasting : hostsAtCut,
    hosts_at_cut: hostsAtCut,
    acks,
    layers_digest: layersDigest(read.layers.map(({ cut }, index) => ({ cut, vector: layers[index] as Uint8Array }))),
    chains,
  }
  if (!isCertified(settled)) throw unproven('no_majority', { acks: acks.length, hosts: hostsAtCut.length })
  return settled
}
