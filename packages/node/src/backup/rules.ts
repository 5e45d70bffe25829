import { commonsRules, coopRules } from '@icn/domain'
import { commonsSpace, type Rules, type SpaceId } from '@icn/protocol'

/** Rules that this release folds a space by. */
export const rulesOfSpace = (space: SpaceId): Rules => (space === commonsSpace ? commonsRules : coopRules)
