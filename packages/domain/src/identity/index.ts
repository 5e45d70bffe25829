export * from './profile.ts'
export * from './queries.ts'
export * from './tables.ts'
