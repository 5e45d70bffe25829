export * from './commons/index.ts'
export * from './identity/index.ts'
export * from './rules.ts'
export * from './space/index.ts'
