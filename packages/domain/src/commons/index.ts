export { checkCommons } from './check.ts'
export { foundLaw } from './found.ts'
export { commonsProfile, isKeeper, keepersOf, networkOf, strangerTrouble } from './profile.ts'
export { commonsTables } from './tables.ts'
