import { parentPort, workerData } from 'node:worker_threads'
import { openSqliteReading } from '@icn/journal'
import { Secret } from '@icn/protocol'
import { CallRefusal } from '../calls/refusal.ts'
import type { FromThread, MakeTask, ToThread, TryTask } from './thread.ts'
import { rulesOfSpace } from './rules.ts'
import { tryBackup } from './try.ts'
import { writeBackup } from './write.ts'

/** The thread of `runInThread`. */

const port = parentPort as NonNullable<typeof parentPort>
const stop = new AbortController()
let signed: (signature: Uint8Array) => void = () => {}
port.on('message', (message: ToThread) => {
  if (message.type === 'abort') stop.abort()
  else signed(message.signature)
})

const tell = (message: FromThread): void => port.postMessage(message)
let toldAt = 0
function progress(step: string, done: number, total: number): void {
  if (performance.now() - toldAt < 100) return
  toldAt = performance.now()
  tell({ type: 'progress', step, done, total })
}

function sign(message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => {
    signed = resolve
    tell({ type: 'sign', message })
  })
}

async function make({ file, store, encryptFor, ...rest }: MakeTask): Promise<unknown> {
  const source = openSqliteReading({ folder: store, isLive: true })
  try {
    return await writeBackup(file, {
      ...rest,
      source,
      sign,
      rulesOf: (space) => rulesOfSpace(space).version,
      encryptFor:
        encryptFor === undefined
          ? undefined
          : { dids: encryptFor.dids, ...(encryptFor.passphrase === undefined ? {} : { passphrase: new Secret(Uint8Array.from(encryptFor.passphrase)) }) },
      signal: stop.signal,
      onProgress: (step, bytes) => progress(step, bytes, 0),
    })
  } finally {
    source.close()
  }
}

function attempt({ seed, ...rest }: TryTask): Promise<unknown> {
  return tryBackup({ ...rest, keys: { seeds: [new Secret(Uint8Array.from(seed))] }, signal: stop.signal, onProgress: progress })
}

try {
  const task = workerData as MakeTask | TryTask
  tell({ type: 'done', answer: await (task.kind === 'make' ? make(task) : attempt(task)) })
} catch (error) {
  if (error instanceof CallRefusal) tell({ type: 'refused', code: error.code, params: error.details.params ?? {} })
  else tell({ type: 'failed', text: error instanceof Error ? error.message : String(error) })
} finally {
  port.close()
}
