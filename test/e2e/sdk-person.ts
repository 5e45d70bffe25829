import type { MethodName } from '@icn/protocol'
import { type Client, type ConnectOptions, connect, type Download, IcnError, identityOf } from '@icn/sdk'
import type { Answer, Asking } from './doors.ts'
import { type Fields, Person, type TestNode } from './harness.ts'

/** Somebody who uses the SDK: it signs in, checks, signs and hands in by itself. */
export class SdkPerson extends Person {
  readonly #identity = identityOf(this.key)
  readonly #transport: 'rest' | 'rpc'
  readonly #clients = new Map<string, Client>()

  constructor(node: TestNode, name: string, transport: 'rest' | 'rpc') {
    super(node, name, (at) => (transport === 'rest' ? at.rest : at.rpc))
    this.#transport = transport
  }

  /** A client for the door as it listens now; the chain of the key goes on over restarts. */
  #client(signing: 'device' | 'node'): Client {
    const { base } = this.door(this.node)
    const name = `${signing} ${base}`
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    // The clock of the test is the clock of the device.
    const options: ConnectOptions & { readonly wall: () => number } = { identity: this.#identity, signing, transport: this.#transport, wall: () => this.node.now }
    const client = connect(base, options)
    this.#clients.set(name, client)
    return client
  }

  override async ask(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    const client = this.#client(asking.draft ? 'device' : 'node')
    const { key, csv, holdSecs, ...more } = asking
    const options = {
      ...(more.dryRun ? { dryRun: true } : {}),
      ...(more.explain ? { explain: true } : {}),
      ...(more.ifMatch === undefined ? {} : { ifMatch: more.ifMatch }),
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(holdSecs === undefined ? {} : { jobWaitMs: holdSecs * 1_000 }),
    }
    const none = { replayed: undefined, location: undefined, headers: new Headers() }
    try {
      const value = await (csv === undefined
        ? client.call(method, input, options)
        : client.upload(method, input, { bytes: new TextEncoder().encode(csv), type: 'text/csv' }, options))
      const body = method === 'coop.export' ? await (value as Download).text() : value
      return { ok: true, status: 200, body, code: undefined, etag: (value as { readonly meta?: { readonly etag?: string } } | null)?.meta?.etag, ...none }
    } catch (error) {
      if (!(error instanceof IcnError)) throw error
      return { ok: false, status: error.problem?.status ?? 0, body: error.problem ?? { text: error.message, code: error.code }, code: error.code, etag: undefined, ...none }
    }
  }

  override write(method: MethodName, input: Fields = {}, asking: Asking = {}): Promise<Answer> {
    return this.ask(method, input, { ...asking, draft: true })
  }
}
