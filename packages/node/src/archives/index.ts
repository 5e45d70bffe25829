export { Archives } from './archives.ts'
export { archiveHandlers } from './handlers.ts'
export { spansOf, type Span } from './make.ts'
