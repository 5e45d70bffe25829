export { type DirectoryParts, directoryHandlers } from './handlers.ts'
export { keeperHandlers } from './keepers.ts'
export { type CommonsParts, commonsHandlers } from './status.ts'
export { sweepCommons } from './sweep.ts'
