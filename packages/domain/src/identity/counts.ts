import type { Did, Facts } from '@icn/protocol'
import { counts } from './tables.ts'

/** How many live grants or open acts; '' stands for the whole space. */
export function countOf(facts: Facts, who: Did | '', name: 'grants' | 'acts'): number {
  return facts.get(counts, [who, name]) ?? 0
}
