import {
  ActView,
  CalendarView,
  CharterView,
  CheckJson,
  ConflictView,
  CoopStats,
  CoopView,
  DecisionJson,
  DeviceView,
  DidDocument,
  EventJson,
  FoundingDraft,
  FoundingStep,
  GrantView,
  HostView,
  InviteView,
  JobView,
  MemberLogItem,
  MemberView,
  OperationDetail,
  OperationItem,
  OperationJson,
  OperationRef,
  ProblemJson,
  QuarantineView,
  RemedyJson,
  ReviewView,
  SessionView,
  SignedOperationJson,
  SpaceView,
  StatusView,
  Tokens,
} from '@icn/protocol'
import { z } from 'zod'

export type JsonSchema = Record<string, unknown>

/** Schemas that many rows share stand once in the documents, under these names. */
const named = {
  ActView,
  CalendarView,
  CharterView,
  CheckJson,
  ConflictView,
  CoopStats,
  CoopView,
  DecisionJson,
  DeviceView,
  DidDocument,
  EventJson,
  FoundingDraft,
  FoundingStep,
  GrantView,
  HostView,
  InviteView,
  JobView,
  MemberLogItem,
  MemberView,
  OperationDetail,
  OperationItem,
  OperationJson,
  OperationRef,
  ProblemJson,
  QuarantineView,
  RemedyJson,
  ReviewView,
  SessionView,
  SignedOperationJson,
  SpaceView,
  StatusView,
  Tokens,
}

for (const [name, schema] of Object.entries(named)) z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id: name.replace(/(Json|View)$/, '') })

/** Turns schemas into JSON Schema 2020-12 and gathers the shared ones. */
export class SchemaPrinter {
  readonly shared: Record<string, JsonSchema> = {}
  readonly #base: string

  constructor(base = '#/components/schemas/') {
    this.#base = base
  }

  print(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const whole = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) as JsonSchema
    const { $defs, $schema, ...own } = whole
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) this.shared[name] ??= this.#clean(definition) as JsonSchema
    if (typeof own.id === 'string') {
      const name = own.id
      this.shared[name] ??= this.#clean(own) as JsonSchema
      return { $ref: this.#base + name }
    }
    return this.#clean(own) as JsonSchema
  }

  #clean(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#clean(item))
    if (value === null || typeof value !== 'object') return value
    const out: JsonSchema = {}
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'id' && typeof inner === 'string') continue
      // The largest safe integer is what a JSON number is anyway.
      if ((key === 'maximum' && inner === Number.MAX_SAFE_INTEGER) || (key === 'minimum' && inner === Number.MIN_SAFE_INTEGER)) continue
      // Lengths of bytes become lengths of their text.
      if (key === 'minBytes' || key === 'maxBytes') {
        out[key === 'minBytes' ? 'minLength' : 'maxLength'] = Math.ceil(((inner as number) * 4) / 3)
        continue
      }
      out[key] = key === '$ref' && typeof inner === 'string' ? inner.replace(/^#\/\$defs\//, this.#base) : this.#clean(inner)
    }
    return out
  }
}
