import { hostLapsesAt, keeperLapsesAt, keepers, listHosts } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { commonsSpace, type Did, type FinalityView, type Language, sayText, type SpaceId, timeText } from '@icn/protocol'
import { isEnough } from './rules.ts'
import { type Certificate, type Split, splitsOf } from './splits.ts'

/** What the next cut of a space needs, and who is here for it (snapshot page §6): the same words on every screen. */

/** Fewer than so many say little about whoever signed. */
export const witnessesMin = 3
/** Names in a sentence. Larger: nobody reads it; smaller: few see whom they miss. */
const namesMax = 5

export interface FinalityParts {
  readonly journal: Pick<JournalApi, 'cuts' | 'info' | 'operations' | 'quarantine' | 'read'>
  /** Hosts with which a cut could be begun now, this node among them. */
  participants(space: SpaceId): readonly Did[]
}

export interface Finality {
  /** Whoever may sign: hosts of the last cut that still count, and those of now. */
  readonly hosts: readonly Did[]
  /** So many of them suffice. */
  readonly needed: number
  readonly here: readonly Did[]
  readonly missing: readonly Did[]
  readonly isEnough: boolean
  readonly shrinking: Shrinking | null
  readonly splits: readonly Split[]
}

/** Hosts that were removed, and count until their time has run. */
export interface Shrinking {
  readonly hosts: readonly Did[]
  /** When the first of them counts no more [ms]. */
  readonly until: number
}

/** Null: this node does not follow the rules of the space, and cannot tell. */
export function finalityOf({ journal, participants }: FinalityParts, space: SpaceId): Finality | null {
  const facts = journal.read(space)
  if (facts === undefined || journal.info(space)?.readOnly !== false) return null
  const { before, now } = journal.cuts.hosts(space)
  const hosts = [...new Set([...before, ...now])].sort()
  const reached = new Set(participants(space))
  const here = hosts.filter((did) => reached.has(did))
  const lapses = before.flatMap((did) => {
    const at = now.includes(did) ? undefined : space === commonsSpace ? keeperLapsesAt(facts, did) : hostLapsesAt(facts, did)
    return at === undefined ? [] : [{ did, at }]
  })
  return {
    hosts,
    needed: neededOf(before, now),
    here,
    missing: hosts.filter((did) => !reached.has(did)),
    isEnough: isEnough(new Set(here), before, now),
    shrinking: lapses.length === 0 ? null : { hosts: lapses.map(({ did }) => did), until: Math.min(...lapses.map(({ at }) => at)) },
    splits: splitsOf(journal, space),
  }
}

/** The fewest that are more than half of both: whoever belongs to both counts in both. */
export function neededOf(before: readonly Did[], now: readonly Did[]): number {
  const [first, second] = [before, now].map((set) => Math.floor(set.length / 2) + 1) as [number, number]
  const shared = Math.min(before.filter((did) => now.includes(did)).length, Math.max(first, second))
  return shared + Math.max(0, first - shared) + Math.max(0, second - shared)
}

/** How hosts are called in their space. */
export function namesOf(journal: Pick<JournalApi, 'read'>, space: SpaceId, hosts: readonly Did[]): string {
  const facts = journal.read(space)
  const labels = new Map<Did, string>()
  if (facts !== undefined && space === commonsSpace) for (const [[did], { label }] of facts.scan(keepers)) labels.set(did, label)
  else if (facts !== undefined) for (const { did, label } of listHosts(facts)) labels.set(did, label)
  const more = hosts.length - namesMax
  const named = hosts.slice(0, namesMax).map((did) => labels.get(did) || did)
  return `${named.join(', ')}${more > 0 ? ` (+${more})` : ''}`
}

export function finalityView(parts: FinalityParts, space: SpaceId, language: Language): FinalityView | null {
  const found = finalityOf(parts, space)
  if (found === null) return null
  const { hosts, needed, here, missing, shrinking, splits } = found
  return {
    hosts_count: hosts.length,
    needed,
    here: here.length,
    missing: [...missing],
    enough: found.isEnough,
    few_witnesses: hosts.length < witnessesMin,
    shrinking: shrinking === null ? null : { until_at: timeText(shrinking.until), hosts: [...shrinking.hosts] },
    splits: splits.map(splitView),
    says: sayFinality(parts.journal, space, found, language),
  }
}

const certificateView = ({ checkpoint, operation, cut, signed }: Certificate) => ({ checkpoint, operation, cut: [cut[0], cut[1]] as [number, number], signed_by: [...signed] })

export const splitView = ({ previous, here, other, signedBoth, isMajority }: Split): FinalityView['splits'][number] => ({
  previous,
  here: certificateView(here),
  other: certificateView(other),
  signed_both: [...signedBoth],
  majority: isMajority,
})

function sayFinality(journal: Pick<JournalApi, 'read'>, space: SpaceId, found: Finality, language: Language): string {
  const { hosts, needed, here, missing, shrinking, splits } = found
  const params = { hosts: hosts.length, needed, here: here.length, missing: namesOf(journal, space, missing) }
  const sentences = [hosts.length === 1 && found.isEnough ? 'finality.one' : hosts.length === 2 && needed === 2 ? 'finality.two' : 'finality.more'] as Parameters<
    typeof sayText
  >[0][]
  if (missing.length > 0) sentences.push('finality.missing')
  if (!found.isEnough) sentences.push(space === commonsSpace ? 'finality.waits_keepers' : hosts.length === 2 ? 'finality.waits_two' : 'finality.waits')
  if (hosts.length < witnessesMin) sentences.push('finality.few')
  const said = sentences.map((key) => sayText(key, language, params))
  if (shrinking !== null) said.push(sayText('finality.shrinking', language, { removed: namesOf(journal, space, shrinking.hosts), until_at: shrinking.until }))
  for (const { other, signedBoth } of splits)
    said.push(sayText('finality.split', language, { signed: namesOf(journal, space, other.signed), both: signedBoth.length === 0 ? 0 : namesOf(journal, space, signedBoth) }))
  return said.join(' ')
}
