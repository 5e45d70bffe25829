import type { DecisionJson, Did, MethodName, Page, Row, WriteEnvelope } from '@icn/protocol'
import type { WireMeta } from '@icn/sdk'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { columns, emptyLists, wideColumns } from './columns.ts'
import { nextCommand } from './next.ts'
import { showDecision } from './refusal.ts'
import { type Style, styleOf } from './style.ts'
import { shortIdsIn, timeOf } from './text.ts'
import { csvOf, indent, type Showing, showResource, showRows } from './values.ts'

/** Answers, for people or for machines. */
export class Printer {
  readonly #context: Context
  readonly style: Style
  readonly #names = new Map<string, string>()

  constructor(context: Context) {
    this.#context = context
    this.style = styleOf(context.settings.color)
  }

  get forPeople(): boolean {
    return this.#context.settings.output === 'people'
  }

  /** One JSON document, on its own line. */
  json(value: unknown): void {
    this.#context.io.out(JSON.stringify(value))
  }

  text(text: string): void {
    this.#context.io.out(text)
  }

  showing(): Showing {
    const { texts, settings } = this.#context
    return { texts, now: Date.now(), wide: settings.wide, nameOf: (did) => this.#names.get(did) }
  }

  time(at: string): string {
    return timeOf(at, Date.now(), this.#context.texts.language)
  }

  name(did: string, name: string): void {
    if (name !== '') this.#names.set(did, name)
  }

  /** Names of this machine's identities, and of a coop's members when DIDs are about to be shown. */
  async learnNames(coopId: string | undefined): Promise<void> {
    const own = this.#context.settings.as
    for (const { name, label, did, key } of await this.#context.keys.list().catch(() => []))
      this.name(did, `${label ?? name}${own === name || own === did || own === key ? ` (${this.#context.say('you')})` : ''}`)
    if (coopId === undefined || !this.forPeople) return
    // Names are a courtesy: whoever may not read the register sees DIDs.
    const page = await this.#context.read<Page<{ did: Did; name: string }>>('coop.list_members', { coop_id: coopId, limit: 200 }).catch(() => undefined)
    for (const { did, name } of page?.items ?? []) this.name(did, this.#names.get(did)?.endsWith(`(${this.#context.say('you')})`) ? `${name} (${this.#context.say('you')})` : name)
  }

  resource(value: unknown, meta?: WireMeta): void {
    if (!this.forPeople) {
      this.json(value)
      return
    }
    this.text(showResource(this.showing(), value))
    this.#asOf(meta)
  }

  #asOf(meta: WireMeta | undefined): void {
    const { settings } = this.#context
    if (meta?.asOf === undefined || settings.quiet) return
    const time = this.time(meta.asOf)
    const sync = ['synced', 'alone', 'diverged'].includes(meta.sync ?? '') ? meta.sync : meta.sync === undefined ? undefined : 'behind'
    this.#context.hint(
      this.style.dim(
        sync === undefined ? this.#context.say('say.as_of', { time }) : this.#context.say('say.as_of_sync', { time, sync: this.#context.say(`sync.${sync as 'synced'}`) }),
      ),
    )
  }

  page(method: MethodName, row: Row, page: Page, meta?: WireMeta): void {
    const { settings } = this.#context
    if (settings.output === 'json') return this.json(page)
    const items = page.items as readonly Record<string, unknown>[]
    if (settings.output === 'csv') return this.text(csvOf(items, scalarFields(row)).trimEnd())
    if (items.length === 0) this.text(this.#emptyText(method))
    else this.text(showRows(this.showing(), this.#columnsOf(method, items), items, method === 'coop.list_members'))
    if (page.omitted !== undefined) this.#context.hint(this.#context.say('say.omitted', { count: page.omitted }))
    if (page.next_cursor !== null) this.#context.hint(this.#context.say('say.more_pages', { count: items.length, cursor: settings.wide ? page.next_cursor : '…' }))
    this.#asOf(meta)
  }

  #columnsOf(method: MethodName, [first = {}]: readonly Record<string, unknown>[]): readonly string[] {
    const known = columns[method]
    return known === undefined ? Object.keys(first) : [...known, ...((this.#context.settings.wide ? wideColumns[method] : undefined) ?? [])]
  }

  #emptyText(method: MethodName): string {
    const texts = emptyLists[method] ?? ['Nothing here yet.', 'Aquí aún no hay nada.']
    return texts[this.#context.texts.language === 'es' ? 1 : 0]
  }

  envelope(method: MethodName, input: Readonly<Record<string, unknown>>, envelope: WriteEnvelope): void {
    if (!this.forPeople) {
      this.json(envelope)
      return
    }
    const { settings } = this.#context
    for (const { text } of envelope.warnings) this.#context.hint(this.style.warn(text))
    if (envelope.outcome === 'simulated') return this.#simulated(envelope)
    this.text(this.#headline(envelope))
    const act = actOf(envelope.value)
    if (act !== undefined)
      this.text(
        act.state === 'done'
          ? this.#context.say('say.act_done')
          : this.#context.say('say.act_open', { have: new Set([act.proposer, ...act.confirmed]).size, need: act.need, until: this.time(act.expires_at) }),
      )
    if (envelope.value !== null) this.text(indent(showResource(this.showing(), briefly(act ?? envelope.value), new Set(['charter', 'code', 'link']))))
    const { code, link } = (envelope.value ?? {}) as { readonly code?: string; readonly link?: string }
    if (link !== undefined && code !== undefined) this.text(`${this.#context.say('coop.invite_link')}\n  ${this.style.bold(code)}\n  ${link}`)
    const explained = envelope.decision !== null && 'checks' in envelope.decision ? envelope.decision : undefined
    if (settings.explain && explained !== undefined) this.text(showDecision(explained, this.#context.texts, this.style, (at) => this.time(at)))
    const next = nextCommand(method, input, envelope.value)
    if (next !== undefined) this.#context.hint(this.style.dim(`${this.#context.say('say.next')}: ${next}`))
  }

  #headline({ outcome, operations }: WriteEnvelope): string {
    const { settings } = this.#context
    if (outcome === 'already_done') return this.#context.say('say.already')
    const isFinal = operations.length > 0 && operations.every(({ final }) => final)
    const ids = operations.map(({ id }) => (settings.wide ? id : shortIdsIn(id))).join(', ')
    if (settings.wait === 'final' && !isFinal) this.#context.hint(this.#context.say('say.not_final_yet'))
    return `${this.style.good(this.style.bold(this.#context.say(isFinal ? 'say.final' : 'say.done')))}${ids === '' ? '' : `   ${this.#context.say('say.change')} ${ids}`}`
  }

  #simulated(envelope: WriteEnvelope): void {
    const decision = envelope.decision as DecisionJson | null
    const isNo = decision?.outcome === 'refused'
    this.text(`${this.#context.say('say.simulated')} ${this.style.bold(this.#context.say(isNo ? 'say.would_not' : 'say.would'))}`)
    if (decision !== null && (isNo || this.#context.settings.explain)) this.text(showDecision(decision, this.#context.texts, this.style, (at) => this.time(at)))
    const effect = isNo ? undefined : effectOf(envelope.value)
    if (effect !== undefined) this.text(indent(showResource(this.showing(), effect)))
    const changes = isNo ? [] : (envelope.changes ?? [])
    if (changes.length > 0) this.text(`${this.#context.say('say.changes')}\n${indent(changes.map(({ key }) => key.map((part) => shortIdsIn(String(part))).join(' ')).join('\n'))}`)
    if (envelope.token !== undefined && !isNo) this.#context.hint(this.#context.say('say.token_good', { token: envelope.token }))
  }
}

/** What a change does to one's own score of somebody; a dry run is asked for just this. */
function effectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || !('score_before' in value)) return undefined
  return Object.fromEntries(Object.entries(value).filter(([name]) => /^(score|class)_(before|after)$/.test(name)))
}

interface Act {
  readonly state: string
  readonly proposer: string
  readonly confirmed: readonly string[]
  readonly need: number
  readonly expires_at: string
}

const actOf = (value: unknown): Act | undefined =>
  typeof value === 'object' && value !== null && 'act' in value && Object.keys(value).length === 1 ? ((value as { readonly act: Act }).act ?? undefined) : undefined

/** After a write the resource is a reminder, not a report: what the register and `coop get` show in full is left out. */
const longFields = [
  'charter_version',
  'founded_at',
  'founded_by',
  'genesis',
  'space',
  'template',
  'treasury',
  'calendar',
  'settings',
  'hosts',
  'my',
  'suspension',
  'network',
  'by',
  'sponsors',
  'joined_via',
  'capital',
  'shares',
  'key',
  'used',
  'body',
]

function briefly(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([name, inner]) => !longFields.includes(name) && inner !== null && !(Array.isArray(inner) && inner.length === 0)))
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
}

/** Fields of an item that fit into one cell. */
function scalarFields(row: Row): readonly string[] {
  const schema = z.toJSONSchema(row.output, { io: 'output', unrepresentable: 'any' }) as JsonSchema
  const isScalar = (field: JsonSchema): boolean =>
    field.type !== 'object' && !(field.anyOf ?? []).some(({ type }) => type === 'object') && !(field.type === 'array' && field.items?.type === 'object')
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => (isScalar(field) ? [name] : []))
}
