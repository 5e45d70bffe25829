import type { Facts, Finding } from '@icn/protocol'
import { keepersOf, networkOf } from './profile.ts'

/** N1: a founded network has a keeper, or nothing in it could ever become final. */
export function checkCommons(facts: Facts): readonly Finding[] {
  return networkOf(facts) !== undefined && keepersOf(facts).length === 0 ? [{ invariant: 'N1', text: 'The network has no keeper.' }] : []
}
