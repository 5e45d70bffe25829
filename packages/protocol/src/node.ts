export * from './crypto/sodium.ts'
