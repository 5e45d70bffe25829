export { Archives } from './archives.ts'
export { archiveHandlers } from './handlers.ts'
