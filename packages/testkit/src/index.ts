export * from './signer.ts'
export * from './toy-rules.ts'
