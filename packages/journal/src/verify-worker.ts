import { parentPort } from 'node:worker_threads'
import { verifySignature } from '@icn/protocol/node'
import { unpackChecks } from './check-packing.ts'

parentPort?.on('message', ({ ticket, packed }: { ticket: number; packed: Uint8Array }) => {
  parentPort?.postMessage({ ticket, good: unpackChecks(packed).map(({ signature, message, key }) => verifySignature(signature, message, key)) })
})
