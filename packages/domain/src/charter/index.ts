export { charterHashOf } from '@icn/protocol'
export * from './lint.ts'
export * from './read.ts'
export * from './templates.ts'
