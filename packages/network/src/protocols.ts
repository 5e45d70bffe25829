import { decodeFrame, type Did, encodeFrame, stateMessageBytesMax } from '@icn/protocol'
import type { Connection, Stream } from '@libp2p/interface'
import { timeProtocol } from './clock-check.ts'
import { peersMessageBytesMax, peersProtocol } from './exchange.ts'
import { FrameReader, framed } from './stream-framing.ts'
import { NetworkTrouble, type Protocol } from './wire.ts'

/** Questions between nodes (network page §2): one request and one answer on a stream of its own. A refusal is the frame `bye` of the main stream. */

/** Until a request or its answer must be there [ms]. */
const exchangeMs = 10_000

/** What every node answers; a release that says less does not start. */
export const protocolTable = {
  [peersProtocol]: { messageBytesMax: peersMessageBytesMax, inboundStreamsMax: 2, outboundStreamsMax: 2 },
  [timeProtocol]: { messageBytesMax: 256, inboundStreamsMax: 2, outboundStreamsMax: 2 },
  '/icn/state/1': { messageBytesMax: stateMessageBytesMax, inboundStreamsMax: 2, outboundStreamsMax: 2 },
} as const satisfies Readonly<Record<string, Omit<Protocol, 'id' | 'serve'>>>

export type ProtocolId = keyof typeof protocolTable

/** The table with what answers. Throws for a row that nothing answers. */
export function protocolsOf(handlers: Readonly<Partial<Record<ProtocolId, Protocol['serve']>>>): readonly Protocol[] {
  return (Object.keys(protocolTable) as ProtocolId[]).map((id) => {
    const serve = handlers[id]
    if (serve === undefined) throw new Error(`nothing answers ${id}`)
    return { id, ...protocolTable[id], serve }
  })
}

export interface ServeParts {
  isReady(peer: Did): boolean
  fault(operation: string, error: unknown): void
}

/** Answers one stream. Whatever breaks the form gets nothing. */
export async function serveStream(protocol: Protocol, peer: Did, stream: Stream, parts: ServeParts): Promise<void> {
  try {
    const request = await readMessage(stream, protocol.messageBytesMax)
    const answer = await answerOf(protocol, peer, request, parts)
    if (answer === undefined) {
      stream.abort(new Error('no answer'))
      return
    }
    stream.send(framed(answer))
    await stream.close({ signal: AbortSignal.timeout(exchangeMs) })
  } catch (error) {
    stream.abort(error as Error)
    if (!(error instanceof NetworkTrouble) && stream.status === 'open') parts.fault('network.serve', error)
  }
}

async function answerOf({ messageBytesMax, id, serve }: Protocol, peer: Did, request: Uint8Array, parts: ServeParts): Promise<Uint8Array | undefined> {
  if (!parts.isReady(peer)) return encodeFrame({ t: 'bye', code: 'HELLO_MISSING' })
  try {
    const answer = await serve(peer, request)
    if (answer !== undefined && answer.length > messageBytesMax) throw new RangeError(`an answer of ${answer.length} bytes on ${id}`)
    return answer
  } catch (error) {
    if (error instanceof NetworkTrouble) return encodeFrame({ t: 'bye', code: error.code })
    parts.fault('network.serve', error)
    return undefined
  }
}

/** Asks over a connection. Rejects with a NetworkTrouble. */
export async function askOver(connection: Connection, id: string, messageBytesMax: number, request: Uint8Array): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(exchangeMs)
  let stream: Stream | undefined
  let answer: Uint8Array
  try {
    stream = await connection.newStream(id, { signal, runOnLimitedConnection: true })
    // First: where it throws, nobody waits for an answer.
    stream.send(framed(request))
    answer = await readMessage(stream, messageBytesMax)
    void stream.close({ signal }).catch(() => undefined)
  } catch (error) {
    stream?.abort(error as Error)
    if (error instanceof NetworkTrouble) throw error
    throw new NetworkTrouble(signal.aborted ? 'DIAL_TIMEOUT' : 'NO_PATH', `the peer does not answer on ${id}`, error)
  }
  const refusal = decodeFrame(answer)
  if (refusal?.t === 'bye') throw new NetworkTrouble(refusal.code, `the peer refused on ${id}`)
  return answer
}

/** The first message of a stream; whatever follows it is not read. */
function readMessage(stream: Stream, bytesMax: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const reader = new FrameReader(bytesMax)
  const late = setTimeout(() => reject(new NetworkTrouble('DIAL_TIMEOUT', 'nothing came in time')), exchangeMs)
  const ended = (): void => reject(new NetworkTrouble('NO_PATH', 'the stream ended before its message'))
  stream.addEventListener('message', ({ data }) => {
    if (!reader.read(data.subarray(), resolve)) reject(new NetworkTrouble('FRAME_TOO_LARGE', `a message of more than ${bytesMax} bytes`))
  })
  stream.addEventListener('remoteCloseWrite', ended)
  stream.addEventListener('close', ended)
  return promise.finally(() => clearTimeout(late))
}
