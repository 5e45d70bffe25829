import { type CutApi, type CutLayer, pagesNamed } from '@icn/journal'
import { type Did, type SpaceId, toHex, type VectorChange } from '@icn/protocol'
import type { Attempt, MarkerBody } from './attempt.ts'
import type { Accepted } from './bodies.ts'
import type { SpaceSnapshotsParts } from './ports.ts'
import { baseOf, compareBallots } from './rules.ts'

/** What the markers of an attempt say, whether it stands in them or in pages that they name. */

export interface Said {
  /** What each host has. */
  readonly marks: ReadonlyMap<Did, readonly VectorChange[]>
  /** R5: layers that may have been agreed on before, and that stay as they are. */
  readonly base: readonly CutLayer[]
  /** Whose markers carry it. */
  readonly carriers: ReadonlySet<Did>
}

/** `awaited`: pages without which it is not known, because they are not here, or are not such as they have to be. */
function readMarkers(cuts: Pick<CutApi, 'read'>, space: SpaceId, { markers, previous, cut }: Attempt): Said | { readonly awaited: readonly Uint8Array[] } {
  const marks = new Map<Did, readonly VectorChange[]>()
  const awaited = new Map<string, Uint8Array>()
  const read = (layers: Parameters<CutApi['read']>[1]): readonly CutLayer[] => {
    const found = cuts.read(space, layers)
    if (found !== undefined && 'layers' in found) return found.layers
    for (const digest of found?.missing ?? pagesNamed(layers)) awaited.set(toHex(digest), digest)
    return []
  }
  for (const [did, { changes, pages }] of markers) marks.set(did, changes ?? read([{ cut: [...cut], pages }])[0]?.changes ?? [])
  const carried = [...markers].flatMap(([did, { accepted }]) => (accepted !== undefined && (accepted.previous ?? null) === previous ? [[did, accepted] as const] : []))
  const best = baseOf<Accepted>(carried.map(([, accepted]) => accepted))
  const base = best === null ? [] : read(best.layers)
  if (awaited.size > 0) return { awaited: [...awaited.values()] }
  return { marks, base, carriers: new Set(carried.flatMap(([did, { ballot }]) => (best !== null && compareBallots(ballot, best.ballot) === 0 ? [did] : []))) }
}

/** Takes in what the markers say, as soon as all their pages are here. Undefined: not yet, and they are asked for. */
export async function take({ cuts, space, wantPages }: Pick<SpaceSnapshotsParts, 'cuts' | 'space' | 'wantPages'>, attempt: Attempt): Promise<Said | undefined> {
  if (attempt.read !== undefined) return attempt.read
  const read = readMarkers(cuts, space, attempt)
  attempt.awaitedPages = 'awaited' in read ? read.awaited : []
  if ('awaited' in read) {
    wantPages()
    return undefined
  }
  attempt.read = read
  await cuts.admit(space, [...read.marks.values(), ...read.base.map(({ changes }) => changes)])
  return read
}

/** Pages that a running attempt names, and those of what this host has acknowledged. */
export function pagesNeeded(attempt: Attempt | undefined, accepted: Accepted | null): Uint8Array[] {
  const markers = attempt === undefined || attempt.isOver ? [] : [...attempt.markers.values()]
  return [...pagesNamed(accepted?.layers ?? []), ...markers.flatMap(pagesOfMarker)]
}

const pagesOfMarker = ({ pages, accepted }: MarkerBody): Uint8Array[] => pagesNamed([{ pages }, ...(accepted?.layers ?? [])])

/** Hosts that name an operation or a page that has not come, or a page that is wrong. */
export function hostsNaming({ markers, read, awaited, awaitedPages }: Attempt): Did[] {
  const operations = new Set<string>(awaited)
  const pages = new Set(awaitedPages.map(toHex))
  return [...markers].flatMap(([did, body]) => {
    const layers = read?.carriers.has(did) === true ? read.base : (body.accepted?.layers ?? [])
    const changes = [...(read?.marks.get(did) ?? body.changes ?? []), ...layers.flatMap((layer) => layer.changes ?? [])]
    return changes.some(([, , head]) => operations.has(head)) || pagesOfMarker(body).some((digest) => pages.has(toHex(digest))) ? [did] : []
  })
}
