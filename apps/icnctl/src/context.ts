import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MethodName } from '@icn/protocol'
import { type CallOptions, type Client, connect, type Identity, type Pin } from '@icn/sdk'
import { filePins, fileTokens } from '@icn/sdk/node'
import type { Environment, Settings } from './globals.ts'
import type { Io } from './io.ts'
import { Keys, type KeyEntry } from './keys.ts'
import { CliRefusal } from './problems.ts'
import type { Texts } from './texts/index.ts'

/** What a command has at hand. Nothing is opened before it is needed. */
export class Context {
  readonly settings: Settings
  readonly environment: Environment
  readonly io: Io
  readonly texts: Texts
  readonly keys: Keys
  readonly signal: AbortSignal
  #entry: Promise<KeyEntry | undefined> | undefined
  #client: Promise<Client> | undefined

  constructor(parts: { readonly settings: Settings; readonly environment: Environment; readonly io: Io; readonly texts: Texts; readonly signal: AbortSignal }) {
    this.settings = parts.settings
    this.environment = parts.environment
    this.io = parts.io
    this.texts = parts.texts
    this.signal = parts.signal
    this.keys = new Keys({ dataDir: parts.settings.dataDir, environment: parts.environment, io: parts.io, texts: parts.texts })
  }

  /** The identity of this run; undefined when this machine has none. */
  entry(): Promise<KeyEntry | undefined> {
    this.#entry ??= this.keys.choose(this.settings.as)
    return this.#entry
  }

  /** The same, where a person is needed. */
  async person(): Promise<KeyEntry> {
    const entry = await this.entry()
    if (entry === undefined) throw new CliRefusal('UNAUTHENTICATED', undefined, {}, { words: 'trouble.no_identity', params: {} })
    return entry
  }

  async identity(): Promise<Identity> {
    return this.keys.identity(await this.person())
  }

  /** A client of the door of this run. For rows of the operator nobody is looked for; for public ones only where it is plain who. */
  client(whose: 'operator' | 'anybody' | 'person' = 'person'): Promise<Client> {
    if (whose === 'operator') return Promise.resolve(this.connect(undefined))
    this.#client ??= (async () => {
      const entry = whose === 'anybody' && this.settings.as === undefined && (await this.keys.list()).length > 1 ? undefined : await this.entry()
      return this.connect(entry === undefined ? undefined : await this.keys.identity(entry))
    })()
    return this.#client
  }

  connect(
    identity: Identity | undefined,
    endpoint: Pick<Settings, 'endpoint' | 'transport'> = this.settings,
    more: { readonly label?: string; readonly scopes?: readonly string[]; readonly signing?: Settings['sign'] } = {},
  ): Client {
    const { settings } = this
    const sessions = join(settings.dataDir, 'run', 'sessions')
    const operatorToken = this.#operatorToken(endpoint.endpoint)
    return connect(endpoint.endpoint, {
      transport: endpoint.transport,
      signing: settings.sign,
      lang: settings.language,
      label: 'icnctl',
      pins: filePins(sessions),
      tokens: fileTokens(sessions),
      confirmChanged: (before, now) => this.#confirmPin(endpoint.endpoint, before, now),
      ...(settings.verbose ? { fetch: telling(this.io) } : {}),
      ...(identity === undefined ? {} : { identity }),
      ...(operatorToken === undefined ? {} : { operatorToken }),
      ...more,
    })
  }

  async #confirmPin(endpoint: string, before: Pin, now: Pin): Promise<boolean> {
    if (!this.io.interactive) return false
    return this.io.askYes(this.texts.say('ask.pin', { endpoint, before: `${before.node} (${before.origin})`, now: `${now.node} (${now.origin})` }))
  }

  /** Only to this machine: whoever listens elsewhere is not this machine's node. */
  #operatorToken(endpoint: string): string | undefined {
    const { hostname } = new URL(endpoint)
    if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) return undefined
    try {
      return readFileSync(join(this.settings.dataDir, 'operator.token'), 'utf8').trim()
    } catch {
      return undefined
    }
  }

  /** Options of this run for one call. */
  callOptions(more: CallOptions = {}): CallOptions {
    const { settings, signal } = this
    return {
      signal,
      timeoutMs: settings.timeoutMs,
      ...(settings.dryRun ? { dryRun: true } : {}),
      ...(settings.explain ? { explain: true } : {}),
      ...(settings.ifUnchanged === undefined ? {} : { ifUnchanged: settings.ifUnchanged }),
      ...(settings.ifMatch === undefined ? {} : { ifMatch: settings.ifMatch }),
      ...(settings.idempotencyKey === undefined ? {} : { idempotencyKey: settings.idempotencyKey }),
      ...(settings.wait === undefined ? {} : { wait: settings.wait }),
      ...(settings.wait === 'final' ? { waitMs: Math.min(settings.timeoutMs, 30_000) } : {}),
      ...more,
    }
  }

  /** A read beside the command's own call, with nothing of its options. */
  async read<T>(method: MethodName, input: Readonly<Record<string, unknown>>): Promise<T> {
    const client = await this.client()
    return (await client.call(method, input, { signal: this.signal, timeoutMs: this.settings.timeoutMs })) as T
  }

  /** Asks before something is signed; nobody to ask means that it was meant. */
  async agree(question: string): Promise<boolean> {
    return !this.io.interactive || this.io.askYes(question)
  }

  say(...args: Parameters<Texts['say']>): string {
    return this.texts.say(...args)
  }

  hint(text: string): void {
    if (!this.settings.quiet && this.settings.output === 'people') this.io.note(text)
  }
}

/** Says each request and its answer: what was asked, never what it held. */
function telling(io: Io): typeof fetch {
  return async (input, init) => {
    const method = typeof init?.body === 'string' ? /"method":"([a-z_.]+)"/.exec(init.body)?.[1] : undefined
    const { pathname } = new URL(String(input))
    const began = performance.now()
    const response = await fetch(input, init)
    io.note(`${init?.method ?? 'GET'} ${pathname}${method === undefined ? '' : ` ${method}`}  ${response.status}  ${Math.round(performance.now() - began)} ms`)
    return response
  }
}
