export * from './decision.ts'
export * from './key.ts'
export * from './law.ts'
export * from './table.ts'
