import { checkpointOf, cutOf } from '@icn/domain'
import type { JournalApi, PlacedOperation } from '@icn/journal'
import {
  type CheckpointId,
  checkpointIdOf,
  type Clock,
  compareClocks,
  type Did,
  encodeCanonical,
  equalBytes,
  type OperationId,
  type SpaceCheckpoint,
  type SpaceId,
} from '@icn/protocol'

/** Two certificates that follow one checkpoint, and neither continues the other (snapshot page §11): hosts signed twice, or both sides of a split have removed each other. */

export interface Certificate {
  readonly checkpoint: string
  readonly operation: OperationId
  readonly cut: Clock
  readonly signed: readonly Did[]
}

export interface Split {
  /** What both follow; null: the founding. */
  readonly previous: string | null
  /** What is final here. */
  readonly here: Certificate
  readonly other: Certificate
  readonly signedBoth: readonly Did[]
  /** Is the other one signed by more than half of the hosts of what both follow? Otherwise fewer hosts claim it, or stewards have removed the rest on their side. */
  readonly isMajority: boolean
}

/** Entries of the quarantine, oldest first. Larger: each look costs more; smaller: what came later is not seen while these are there. */
const lookedMax = 500
/** Several hosts may publish one certificate. */
const followersMax = 8

export function splitsOf(journal: Pick<JournalApi, 'cuts' | 'info' | 'operations' | 'quarantine' | 'read'>, space: SpaceId): readonly Split[] {
  const info = journal.info(space)
  const facts = journal.read(space)
  if (info === undefined || facts === undefined || info.readOnly) return []
  const others = journal
    .quarantine(space, { limit: lookedMax })
    .filter(
      ({ operation, checks }) =>
        operation.envelope.kind === 'space.checkpoint' && checks.some(({ code, result }) => result === 'fail' && (code === 'LATE' || code === 'CHECKPOINT_SPLIT')),
    )
  if (others.length === 0) return []
  /** What became final here after a checkpoint: its certificate is one of the first behind that cut. */
  const settledAfter = (previous: CheckpointId | undefined): PlacedOperation | undefined => {
    const since = previous === undefined ? undefined : cutOf(facts, previous)?.[0]
    const next = journal.operations(space, { kind: 'space.checkpoint', status: 'applied', limit: followersMax, ...(since === undefined ? {} : { since }) })
    return next.find(({ body }) => body !== null && (body as SpaceCheckpoint).previous === previous)
  }
  const certificate = ({ operation, body }: PlacedOperation): Certificate => {
    const { cut } = body as SpaceCheckpoint
    return {
      checkpoint: checkpointIdOf(space, info.genesis, body as SpaceCheckpoint),
      operation: operation.id,
      cut,
      signed: [...(journal.cuts.signers(space, body as SpaceCheckpoint) ?? [])].sort(),
    }
  }
  const found = new Map<string, Split>()
  for (const one of others) {
    const theirs = one.body as SpaceCheckpoint | null
    const ours = theirs === null ? undefined : settledAfter(theirs.previous)
    if (theirs === null || ours === undefined || continues(theirs, ours.body as SpaceCheckpoint) || continues(ours.body as SpaceCheckpoint, theirs)) continue
    const [here, other] = [certificate(ours), certificate(one)]
    const { before, now } = journal.cuts.hosts(space)
    const hosts = theirs.previous === undefined ? undefined : checkpointOf(facts, theirs.previous)?.hosts
    const known = new Set([...(hosts ?? []), ...here.signed, ...before, ...now])
    // Anybody may write down a certificate; only signatures of hosts make it one.
    if (other.signed.length === 0 || other.signed.some((did) => !known.has(did))) continue
    found.set(other.checkpoint, {
      previous: theirs.previous ?? null,
      here,
      other,
      signedBoth: other.signed.filter((did) => here.signed.includes(did)),
      isMajority: 2 * other.signed.filter((did) => (hosts ?? [...known]).includes(did)).length > (hosts ?? [...known]).length,
    })
  }
  return [...found.values()]
}

/** Does the one begin with all that the other says? What is written inline here and in pages there is taken for the same: nobody is alarmed for nothing. */
function continues(one: SpaceCheckpoint, other: SpaceCheckpoint): boolean {
  return other.layers.length <= one.layers.length && other.layers.every((layer, index) => isSame(layer, one.layers[index] as Layer))
}

type Layer = SpaceCheckpoint['layers'][number]

function isSame(a: Layer, b: Layer): boolean {
  if (compareClocks(a.cut, b.cut) !== 0) return false
  return (a.pages === undefined) !== (b.pages === undefined) || equalBytes(encodeCanonical(a), encodeCanonical(b))
}
