export * from './ports.ts'
export { Replicator } from './replicate.ts'
export * from './wire.ts'
