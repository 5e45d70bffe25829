import { parentPort } from 'node:worker_threads'
import { verifySignature } from '@icn/protocol/node'
import type { SignatureCheck } from './receive.ts'

parentPort?.on('message', ({ ticket, checks }: { ticket: number; checks: readonly SignatureCheck[] }) => {
  parentPort?.postMessage({ ticket, good: checks.map(({ signature, message, key }) => verifySignature(signature, message, key)) })
})
