import { type Did, deviceScopes, grantMsBounds, type MethodName, type OperationId, pathFields, type Row, trustLifeMs } from '@icn/protocol'
import type { Original } from './original.ts'
import { toWire } from './transport.ts'

/**
 * What the body of a draft must say, worked out from the call by the device itself: a node that hands out anything else gets
 * no signature. Fields that a node chooses by right (a nonce, a time from which something holds) are looked at for their bounds.
 */

/** True when the value may be signed. */
type Judge = (value: unknown, body: Record<string, unknown>) => boolean
/** Field → the exact value, a judge, or undefined for "must not be there". */
type ExpectedBody = Readonly<Record<string, unknown>>

export interface Asked {
  readonly method: MethodName
  readonly row: Row
  /** As the row's schema reads it, defaults filled in, in JSON form. */
  readonly input: Readonly<Record<string, unknown>>
  readonly author: Did
  /** The node and network that the session was opened with. */
  readonly node?: Did
  readonly network?: OperationId
  /** What is to be said again, as its author once signed it. */
  readonly original?: Original
}

/** With the time that the draft itself bears: a device whose clock is wrong signs all the same. */
interface AskedAt extends Asked {
  readonly now: number
}

const dayMs = 86_400_000
/** Times that a node puts into a body lie this close to the draft's own. */
const clockSlackMs = 60_000

const anything: Judge = () => true
const optional =
  (judge: Judge): Judge =>
  (value, body) =>
    value === undefined || judge(value, body)
const text: Judge = (value) => typeof value === 'string'
const near =
  (now: number): Judge =>
  (value) =>
    typeof value === 'number' && Math.abs(value - now) <= clockSlackMs

const time = (value: unknown): unknown => (typeof value === 'string' ? Date.parse(value) : value)

/** The row's input as it stands in the body: without what names the space, operations by `ref`, times in milliseconds. */
function plain({ row, input }: AskedAt): Record<string, unknown> {
  const where = new Set(pathFields(row.space))
  const body: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input)) {
    if (where.has(name) || value === undefined) continue
    if (name === 'operation_id') body['ref'] = value
    else body[name] = name.endsWith('_at') ? time(value) : value
  }
  return body
}

function without(body: Record<string, unknown>, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
}

/** Rows whose person stands in the path and is the author: the body does not repeat it. */
const ofOneself = (asked: AskedAt): ExpectedBody => (asked.input['did'] === asked.author ? without(plain(asked), 'did') : { did: () => false })

function grantBody(asked: AskedAt): ExpectedBody {
  const { input, node, now } = asked
  const kind = input['grantee_kind'] as 'device' | 'node'
  const length = (input['for_ms'] as number | undefined) ?? grantMsBounds[kind].usual
  const until: Judge = (value, body) => value === (body['not_before_at'] as number) + length
  return {
    grantee: input['grantee'] ?? ((value: unknown) => node === undefined || value === node),
    grantee_kind: kind,
    scopes: input['scopes'],
    not_before_at: input['not_before_at'] === undefined ? near(now) : time(input['not_before_at']),
    not_after_at: input['not_after_at'] === undefined ? until : time(input['not_after_at']),
    max_amount: input['max_amount'],
    label: input['label'] ?? text,
  }
}

/** A device of the person: everything a device may do, and no longer than was said. */
function deviceBody(grantee: unknown, label: unknown, { input, now }: AskedAt): ExpectedBody {
  const length = (input['days'] as number) * dayMs
  return {
    grantee,
    grantee_kind: 'device',
    scopes: deviceScopes,
    not_before_at: near(now),
    not_after_at: (value: unknown, body: Record<string, unknown>) => value === (body['not_before_at'] as number) + length,
    label,
  }
}

const roleSet = (roles: unknown): readonly string[] => (Array.isArray(roles) ? [...roles].sort() : [])

/** The charter that a template makes: the people, the name and the numbers are those that were asked for. */
function charterFits(asked: AskedAt): Judge {
  const { input, author, network } = asked
  return (value, body) => {
    const charter = value as Record<string, unknown>
    const own = input['charter'] as Record<string, unknown> | undefined
    if (network !== undefined && charter['network'] !== network) return false
    if (charter['coop_id'] !== body['coop_id'] || charter['name'] !== body['name'] || charter['type'] !== body['type']) return false
    if (own !== undefined)
      return (
        Object.entries(own).every(([name, part]) => sameJson(charter[name], part)) && Object.keys(charter).every((name) => name in own || ['network', 'coop_id'].includes(name))
      )
    const founders = charter['founders'] as readonly Record<string, unknown>[]
    const wanted = (input['founders'] as readonly Record<string, unknown>[] | undefined) ?? (input['draft_id'] === undefined ? [{ did: author }] : undefined)
    if (wanted !== undefined) {
      if (!Array.isArray(founders) || founders.length !== wanted.length) return false
      const fits = wanted.every(
        (one, index) =>
          founders[index]?.['did'] === one['did'] &&
          (one['name'] === undefined || founders[index]?.['name'] === one['name']) &&
          (one['roles'] === undefined || sameJson(roleSet(founders[index]?.['roles']), roleSet(one['roles']))),
      )
      if (!fits) return false
    }
    const unit = input['unit'] as Record<string, unknown> | undefined
    if (unit !== undefined && (charter['unit'] as Record<string, unknown> | undefined)?.['code'] !== unit['code']) return false
    const need = (charter['membership'] as Record<string, unknown> | undefined)?.['min_founders']
    return input['min_founders'] === undefined || need === input['min_founders']
  }
}

function foundBody(asked: AskedAt): ExpectedBody {
  const { input, node } = asked
  const own = input['charter'] as Record<string, unknown> | undefined
  return {
    coop_id: input['id'] ?? own?.['coop_id'] ?? text,
    name: input['name'] ?? own?.['name'] ?? text,
    type: input['type'] ?? own?.['type'] ?? text,
    template: input['template'] ?? text,
    charter: charterFits(asked),
    host: (value: unknown) => node === undefined || (value as { did?: unknown }).did === node,
    calendar: (value: unknown) => input['time_zone'] === undefined || (value as { time_zone?: unknown }).time_zone === input['time_zone'],
    nonce: text,
  }
}

const settle = ({ input }: AskedAt): ExpectedBody => ({ operation: input['operation_id'], verdict: input['verdict'], note: input['note'], reissue: input['reissue'] })

/** Rows whose body is not simply their input. */
const special: Partial<Record<MethodName, (asked: AskedAt) => ExpectedBody>> = {
  'coop.create': foundBody,
  'coop.update': ({ input }) => ({
    changes: (value: unknown) => {
      const wanted = input['changes'] as readonly { field: string; value: unknown; base?: unknown }[]
      const got = value as readonly { field: string; value: unknown; base: unknown }[]
      return (
        got.length === wanted.length &&
        wanted.every((one, index) => got[index]?.field === one.field && sameJson(got[index]?.value, one.value) && (one.base === undefined || got[index]?.base === one.base))
      )
    },
  }),
  'coop.activate': (asked) => ({ charter_hash: asked.input['charter_hash'] ?? text }),
  'coop.calendar.set': (asked) => ({ time_zone: asked.input['time_zone'], offsets: anything }),
  'coop.charter.put': ({ input }) => ({ charter: input['charter'], base_hash: input['base_hash'] ?? text }),
  'coop.sign_charter': ({ input, author }) => ({ hash: input['hash'], statement: { did: author, key: input['key'] ?? author, signature: input['signature'] } }),
  'coop.join': ({ input, author }) => ({
    ref: text,
    statement: { did: author, key: input['invite_key'], signature: input['signature'] },
    charter_hash: input['charter_hash'],
    name: input['name'],
    personhood: input['personhood'],
  }),
  'coop.invite.create': (asked) => ({
    ...plain(asked),
    key: asked.input['key'] ?? text,
    expires_at:
      asked.input['expires_at'] === undefined ? (value: unknown) => typeof value === 'number' && value <= asked.now + 90 * dayMs + clockSlackMs : time(asked.input['expires_at']),
    client_key: optional(text),
  }),
  'coop.entry.add': (asked) => ({
    ...plain(asked),
    import_id: asked.input['import_id'] ?? text,
    entries: (value: unknown) => {
      const wanted = asked.input['entries'] as readonly Record<string, unknown>[]
      const got = value as readonly Record<string, unknown>[]
      return got.length === wanted.length && wanted.every((one, index) => sameJson(got[index], { row: index + 1, ...one, joined_at: time(one['joined_at']) }))
    },
  }),
  'coop.add_member': (asked) => ({ ...without(plain(asked), 'role'), roles: [asked.input['role']] }),
  'coop.remove_member': (asked) => ({ ...plain(asked), cut_seen: optional(text) }),
  'coop.accept_membership': ofOneself,
  'coop.withdraw_application': ofOneself,
  'coop.resign': ofOneself,
  'coop.stay': ofOneself,
  'coop.update_profile': ofOneself,
  'identity.grant': grantBody,
  'identity.revoke': ({ input }) => ({ grant: input['operation_id'], reason: input['reason'], known_seq: input['known_seq'] }),
  'identity.rotate': ({ input, author }) => ({
    new_key: input['new_key'],
    proof: (value: unknown) => {
      const { did, key, old_key, signature } = value as Record<string, unknown>
      return (
        did === author &&
        key === input['new_key'] &&
        (input['proofs'] as readonly Record<string, unknown>[]).some((proof) => proof['old_key'] === old_key && proof['signature'] === signature)
      )
    },
    reason: input['reason'],
    keep_grants: input['keep_grants'],
  }),
  'identity.freeze': ({ input }) => ({ reason: input['reason'], final: input['final'] }),
  'device.add': (asked) => deviceBody(asked.input['grantee'], asked.input['label'], asked),
  'device.approve': (asked) => deviceBody(asked.input['did'], text, asked),
  'device.revoke': ({ input }) => ({ grantee: input['did'], reason: input['reason'], known_seq: input['known_seq'] }),
  'quarantine.settle': settle,
  'quarantine.reissue': ({ original }) => toWire(original?.body) as ExpectedBody,
  'commons.coop.reserve': ({ input }) => ({ coop_id: input['coop_id'], genesis: text, name: text, type: text, via: anything }),
  'commons.coop.register': ({ input }) => ({
    coop_id: input['coop_id'],
    genesis: text,
    name: text,
    type: text,
    charter_hash: text,
    charter: input['publish_charter'] === false ? undefined : anything,
    signatures: anything,
    controllers: input['controllers'] ?? anything,
    threshold: input['threshold'] ?? anything,
    hosts: anything,
    description: optional(text),
    website: optional(text),
  }),
  'commons.coop.update': ({ input }) => ({
    coop_id: input['coop_id'],
    genesis: text,
    version: anything,
    changes: input['changes'] ?? anything,
    statements: input['statements'] ?? [],
  }),
  'trust.edge.set': (asked) => ({
    ...plain(asked),
    expires_at: asked.input['expires_at'] === undefined ? near(asked.now + trustLifeMs.usual) : time(asked.input['expires_at']),
  }),
  'trust.edge.end': ({ input }) => ({ subject: input['did'], graph: input['graph'] }),
}

/** What is wrong with a body, in a few words; undefined when it may be signed. `body` is in JSON form. */
export function bodyFault(asked: AskedAt, body: Readonly<Record<string, unknown>>): string | undefined {
  const expected = (special[asked.method] ?? plain)(asked)
  for (const name of new Set([...Object.keys(expected), ...Object.keys(body)])) {
    const [want, got] = [expected[name], body[name]]
    if (!Object.hasOwn(expected, name)) return `it also says ${name}`
    const fits = typeof want === 'function' ? (want as Judge)(got, body) : want === undefined ? got === undefined : sameJson(got, want)
    if (!fits) return got === undefined ? `it leaves ${name} out` : `its ${name} is ${JSON.stringify(got).slice(0, 80)}`
  }
  return undefined
}

/** Spaces a call may reach: the one its row names, or those it lists. Undefined: every space of the author. */
export function spacesFor({ row, input }: Pick<Asked, 'row' | 'input'>): readonly string[] | undefined {
  if (row.space.includes('{')) return [row.space.replace(/\{([a-z_]+)\}/g, (_, name: string) => String(input[name]))]
  if (row.space === 'commons') return ['commons']
  const spaces = (input['spaces'] ?? (input['proofs'] as readonly { space: string }[] | undefined)?.map(({ space }) => space)) as readonly string[] | undefined
  return spaces
}

/** Equal as JSON, whatever the order of keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [present(a), present(b)]
  return left.length === right.length && left.every(([name, value]) => sameJson(value, (b as Record<string, unknown>)[name]))
}

const present = (value: object): [string, unknown][] => Object.entries(value).filter(([, inner]) => inner !== undefined)
