import { grantsBy, rootOf } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { Did, Facts, OperationId, SpaceId, SpaceResult } from '@icn/protocol'
import type { PlanResult } from '../calls/index.ts'
import { refuse } from '../calls/index.ts'
import { profileOf } from './views.ts'

export interface HeldIn {
  readonly space: SpaceId
  readonly facts: Facts
}

/** Spaces held here in which a person stands, or has keys or permissions; by name. */
export function spacesOf(journal: JournalApi, did: Did): readonly HeldIn[] {
  const found: HeldIn[] = []
  for (const { space } of journal.spaces()) {
    const facts = journal.read(space)
    if (facts === undefined) continue
    if (profileOf(space).standing(facts, did) !== 'none' || rootOf(facts, did) !== did || grantsBy(facts, did).length > 0) found.push({ space, facts })
  }
  return found.sort((a, b) => (a.space < b.space ? -1 : 1))
}

/** Those that were asked for, all of the person's when none were named. A space that is not held here, or not the person's, is not found. */
export function chosenSpaces(journal: JournalApi, did: Did, asked: readonly SpaceId[] | undefined): readonly HeldIn[] {
  const own = spacesOf(journal, did)
  if (asked === undefined) return own
  return [...new Set(asked)].map((space) => {
    const found = own.find((one) => one.space === space)
    if (found === undefined) throw refuse('NOT_FOUND')
    return found
  })
}

/** The value of a call that reaches several spaces; each plan's `view` says its operation. */
export function spaceResults(results: readonly PlanResult[]): { spaces: SpaceResult[] } {
  return { spaces: results.map(({ plan, outcome, value, code }) => ({ space: plan.space, outcome, operation: (value as OperationId | null) ?? null, code: code ?? null })) }
}
