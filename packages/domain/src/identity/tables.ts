import type { Did, OperationId, Table } from '@icn/protocol'
import { amount, did, granteeKinds, int, operationId, part, table, timeMs } from '@icn/protocol'
import { z } from 'zod'

/** Rows of identity and acts (identity page §6); each space has its own. Names and times are as in bodies: snake_case, milliseconds. */

export const identityStates = ['active', 'frozen', 'retired'] as const
export type IdentityState = (typeof identityStates)[number]

const RetiredKey = z.strictObject({ key: did, until_at: timeMs, op: operationId, reason: z.string() })
const KeysRow = z.strictObject({
  /** The key that speaks for the DID now, in DID form. */
  root: did,
  /** Left out while the root is the key inside the DID. */
  since_at: timeMs.optional(),
  since_op: operationId.optional(),
  /** Kept for ever, oldest first. */
  retired: z.array(RetiredKey),
  state: z.enum(identityStates),
  frozen_op: operationId.optional(),
})
export type KeysRow = Readonly<z.output<typeof KeysRow>>
/** No row: its own key, active. */
export const keys = table('identity.keys', [part.text<Did>()], KeysRow)
/** Key → the DID for which it is or was the root. */
export const keyOf = table('identity.key_of', [part.text<Did>()], did)

const Revocation = z.strictObject({ op: operationId, at: timeMs, by: did, reason: z.string(), known_seq: int(0, Number.MAX_SAFE_INTEGER).optional() })
const GrantRow = z.strictObject({
  grantee: did,
  grantee_kind: z.enum(granteeKinds),
  scopes: z.array(z.string()),
  not_before_at: timeMs,
  not_after_at: timeMs,
  /** For each payment, in minor units. */
  max_amount: amount.optional(),
  label: z.string(),
  /** The grant under which a device signed this one. */
  parent: operationId.optional(),
  made_at: timeMs,
  revoked: Revocation.optional(),
})
export type GrantRow = Readonly<z.output<typeof GrantRow>>
/** Key: author, operation that made the grant. */
export const grants = table('identity.grants', [part.text<Did>(), part.text<OperationId>()], GrantRow)
/** Grantee, grant → author. */
export const grantsTo = table('identity.grants_to', [part.text<Did>(), part.text<OperationId>()], did)
/** Grant → author, so that a grant can be found by its id alone. */
export const grantOf = table('identity.grant_of', [part.text<OperationId>()], did)
/** Author, end, grant: those that are not revoked. What has expired is cleared away when the author makes the next one, so the index stays small. */
export const liveGrants = table('identity.live', [part.text<Did>(), part.int(), part.text<OperationId>()], z.strictObject({}))

/** Author (or '' for the whole space), name → how many. `grants` counts rows of `identity.live`, `acts` open acts. */
export const counts = table('identity.counts', [part.text(), part.text<'grants' | 'acts'>()], int(0, Number.MAX_SAFE_INTEGER))

/** Time, kind, reference: what a sweeper must propose then. */
export const due = table('identity.due', [part.int(), part.text<'act_expires'>(), part.text()], z.strictObject({}))

export const actStates = ['open', 'done', 'withdrawn', 'expired'] as const
export type ActState = (typeof actStates)[number]
const ActRow = z.strictObject({
  kind: z.string(),
  body: z.record(z.string(), z.unknown()),
  note: z.string().optional(),
  subject: did.optional(),
  proposer: did,
  proposed_at: timeMs,
  /** Persons, the proposer included; at most a majority of the keepers. */
  need: int(1, 16),
  /** `need` is 1 only because nobody else exists. */
  waived: z.literal(true).optional(),
  confirmed: z.array(z.strictObject({ did, at: timeMs })),
  state: z.enum(actStates),
  expires_at: timeMs,
  /** The operation in which it took effect. */
  done_op: operationId.optional(),
  ended_by: did.optional(),
  ended_at: timeMs.optional(),
})
export type ActRow = Readonly<z.output<typeof ActRow>>
/** Key: the operation that proposed it. */
export const acts = table('act.acts', [part.text<OperationId>()], ActRow)
/** Kind, digest of the body → the open act that wants just this. */
export const openActs = table('act.open', [part.text(), part.bytes()], operationId)

export const identityTables: readonly Table<any, any>[] = [keys, keyOf, grants, grantsTo, grantOf, liveGrants, counts, due, acts, openActs]
