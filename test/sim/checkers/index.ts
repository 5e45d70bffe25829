import { authority } from './authority.ts'
import { blame } from './blame.ts'
import type { CheckerOf } from './checker.ts'
import { convergence } from './convergence.ts'
import { durability } from './durability.ts'
import { events } from './events.ts'
import { finality } from './finality.ts'
import { membership } from './membership.ts'
import { memory } from './memory.ts'
import { privacy } from './privacy.ts'
import { quarantine } from './quarantine.ts'
import { refold } from './refold.ts'
import { reunion } from './reunion.ts'
import { reviews } from './reviews.ts'

export { Broken, type Checker } from './checker.ts'

/** Every checker, cheap ones first, so that a failure is told by the one that says most. */
export const checkers: readonly CheckerOf[] = [privacy, blame, memory, authority, durability, finality, convergence, events, quarantine, membership, reviews, refold, reunion]
