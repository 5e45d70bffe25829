import { commonsProfile, controllersNeeded, coopRow, directory, type DirectoryRow, foldName, memberAt, signedCharter } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import {
  commonsSpace,
  type CoopRegister,
  type CoopReserve,
  type Did,
  type DirectoryChanges,
  type DirectoryChangesView,
  type DirectoryView,
  directoryStatementPayload,
  type Facts,
  fromBase64Url,
  type InputOf,
  minuteMs,
  type OperationId,
  type OperationsTable,
  type SpaceId,
  spaceOfCoop,
  statementBytes,
  toBase64Url,
  viaStatementPayload,
} from '@icn/protocol'
import type { Call, Handlers, WritePlan } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { pageOfRows } from '../coop/common.ts'
import { changesOf, charterViewOf, directoryView, type Said, saidBy } from './views.ts'

/** The directory at the doors: people say which coop they mean; what is published of it comes from its charter and its state. */

export interface DirectoryParts {
  /** Wall clock [ms]. */
  now(): number
  /** This node's network: id of the first operation of `commons`. */
  network(): OperationId | undefined
  /** This node's own signature, for introducing strangers. */
  sign(message: Uint8Array): Uint8Array
  /** Words of access for somebody in a space; empty for strangers. */
  rights(did: Did, space: SpaceId): ReadonlySet<string>
}

export type DirectoryMethod = Extract<keyof OperationsTable, `commons.coop.${string}`>
type ReadMethods = 'commons.coop.list' | 'commons.coop.get' | 'commons.coop.charter' | 'commons.coop.changes'

/** How long an introduction is good: until whoever was introduced has signed [ms]. */
const viaMs = 30 * minuteMs
/** Controllers that a coop is entered with when nobody says who. */
const controllersUsual = 9

export function directoryHandlers(parts: DirectoryParts): Handlers<DirectoryMethod> {
  return { ...readHandlers(parts), ...enterHandlers(parts), ...changeHandlers(parts) }
}

export function commonsOf(journal: JournalApi): Facts {
  const facts = journal.read(commonsSpace)
  if (facts === undefined) throw refuse('STARTING')
  return facts
}

/** A coop that is held here and in which the caller has a part; absent and hidden look the same. */
function insideOf(parts: DirectoryParts, call: Call<{ readonly coop_id: string }>, journal: JournalApi): { readonly facts: Facts; readonly genesis: OperationId } {
  const space = spaceOfCoop(call.input.coop_id)
  const [facts, info] = [journal.read(space), journal.info(space)]
  if (facts === undefined || info === undefined || coopRow(facts) === undefined || parts.rights(callerDid(call), space).size === 0) throw refuse('NOT_FOUND')
  return { facts, genesis: info.genesis }
}

function entryOf(commons: Facts, coopId: string): DirectoryRow {
  const row = commons.get(directory, [coopId])
  if (row === undefined) throw refuse('COOP_UNLISTED', { coop_id: coopId })
  return row
}

function saidHere(facts: Facts): Said {
  const said = saidBy(facts)
  if (said === undefined) throw refuse('COOP_STATUS', { status: 'forming' })
  return said
}

const viewAfter =
  (coopId: string) =>
  (facts: Facts): DirectoryView => {
    const row = facts.get(directory, [coopId])
    if (row === undefined) throw refuse('COOP_UNLISTED', { coop_id: coopId })
    return directoryView(coopId, row)
  }

function readHandlers(parts: DirectoryParts): Handlers<ReadMethods> {
  return {
    'commons.coop.list': (call, journal) => {
      const { type, status, q } = call.input
      const wanted = q === undefined ? undefined : foldName(q)
      const after = typeof call.page.after === 'string' ? call.page.after : undefined
      const rows = commonsOf(journal).scan(directory, { reverse: call.page.reverse, ...(after === undefined ? {} : { after: [after] }) })
      const item = ([[coopId], row]: readonly [readonly [string], DirectoryRow]): DirectoryView | undefined => {
        if ((type !== undefined && row.type !== type) || (status !== undefined && row.status !== status)) return undefined
        if (wanted !== undefined && !foldName(row.name).includes(wanted) && !coopId.includes(wanted)) return undefined
        return directoryView(coopId, row)
      }
      return pageOfRows(rows, call.page.limit, item, ([[coopId]]) => coopId)
    },
    'commons.coop.get': ({ input }, journal) => ({ value: directoryView(input.coop_id, entryOf(commonsOf(journal), input.coop_id)) }),
    'commons.coop.charter': ({ input }, journal) => {
      const found = charterViewOf(commonsOf(journal), input.coop_id)
      if (found === undefined) throw refuse('NOT_FOUND')
      return { value: found }
    },
    'commons.coop.changes': (call, journal) => {
      const { facts } = insideOf(parts, call, journal)
      const row = entryOf(commonsOf(journal), call.input.coop_id)
      return { value: changesView(parts, call.input.coop_id, row, changesOf(saidHere(facts), row)) }
    },
  }
}

function changesView(parts: DirectoryParts, coopId: string, row: DirectoryRow, changes: DirectoryChanges): DirectoryChangesView {
  const version = row.version + 1
  const payload = directoryStatementPayload({ network: parts.network() ?? '', coop_id: coopId, genesis: row.genesis, version, changes })
  const isAny = Object.keys(changes).length > 0
  return {
    coop_id: coopId,
    version,
    changes,
    need: controllersNeeded(row, { changes }),
    signing_bytes: isAny ? toBase64Url(statementBytes('directory', payload)) : null,
  }
}

function enterHandlers(parts: DirectoryParts): Handlers<'commons.coop.reserve' | 'commons.coop.register' | 'commons.coop.release'> {
  return {
    'commons.coop.reserve': (call, journal): WritePlan<DirectoryView> => {
      const { coop_id } = call.input
      const author = callerDid(call)
      const { facts, genesis } = insideOf(parts, call, journal)
      const { name, type } = coopRow(facts) as NonNullable<ReturnType<typeof coopRow>>
      const via = introduction(parts, commonsOf(journal), journal.node, author)
      const body: CoopReserve = { coop_id, genesis, name, type, ...(via === undefined ? {} : { via }) }
      return { space: commonsSpace, kind: 'commons.coop.reserve', author, body, view: viewAfter(coop_id), location: () => `/v1/commons/coops/${coop_id}` }
    },
    'commons.coop.register': (call, journal): WritePlan<DirectoryView> => {
      const author = callerDid(call)
      const { facts, genesis } = insideOf(parts, call, journal)
      return {
        space: commonsSpace,
        kind: 'commons.coop.register',
        author,
        body: entryFor(call.input, facts, genesis, parts.now()),
        view: viewAfter(call.input.coop_id),
      }
    },
    'commons.coop.release': (call): WritePlan<{ coop_id: string }> => {
      const { coop_id } = call.input
      return { space: commonsSpace, kind: 'commons.coop.release', author: callerDid(call), body: { coop_id }, view: () => ({ coop_id }) }
    },
  }
}

/** This node's word for somebody who has no part in `commons` yet; undefined where none is needed, or this node is itself unknown there. */
function introduction(parts: DirectoryParts, commons: Facts, node: Did, author: Did): CoopReserve['via'] {
  const standing = commonsProfile.standing(commons, author)
  if (standing === 'member' || standing === 'node' || !commonsProfile.isKnownNode(commons, node)) return undefined
  const expires_at = parts.now() + viaMs
  const payload = viaStatementPayload({ network: parts.network() ?? '', did: author, kind: 'commons.coop.reserve', expires_at })
  return { did: node, key: node, signature: parts.sign(statementBytes('via', payload)), expires_at }
}

function entryFor(input: InputOf<OperationsTable['commons.coop.register']>, facts: Facts, genesis: OperationId, now: number): CoopRegister {
  const said = saidHere(facts)
  const signed = signedCharter(facts)
  if (signed === undefined) throw refuse('COOP_STATUS', { status: 'forming' })
  const stewards = signed.signatures.map(({ did }) => did).filter((did) => memberAt(facts, did, now)?.roles.includes('steward'))
  const controllers = [...(input.controllers ?? stewards.slice(0, controllersUsual))]
  const { description, website } = said
  return {
    coop_id: input.coop_id,
    genesis,
    name: said.name,
    type: said.type,
    charter_hash: signed.hash,
    ...(input.publish_charter ? { charter: signed.charter } : {}),
    signatures: signed.signatures.map((one) => ({ ...one })),
    controllers,
    threshold: input.threshold ?? Math.min(2, controllers.length),
    hosts: said.hosts.map((host) => ({ ...host })),
    ...(description === undefined ? {} : { description }),
    ...(website === undefined ? {} : { website }),
  }
}

function changeHandlers(parts: DirectoryParts): Handlers<'commons.coop.update'> {
  return {
    'commons.coop.update': (call, journal): WritePlan<DirectoryView> => {
      const { coop_id, changes, statements } = call.input
      const row = entryOf(commonsOf(journal), coop_id)
      const meant = changes ?? changesOf(saidHere(insideOf(parts, call, journal).facts), row)
      const signatures = (statements ?? []).map(({ did, key, signature }) => ({ did, key, signature: fromBase64Url(signature) }))
      return {
        space: commonsSpace,
        kind: 'commons.coop.update',
        author: callerDid(call),
        body: { coop_id, genesis: row.genesis, version: row.version + 1, changes: meant, statements: signatures },
        view: viewAfter(coop_id),
      }
    },
  }
}
