import type { CharterDocument, CoopDirectoryUpdate, CoopRegister, CoopRelease, CoopReserve, Did, DirectoryStatus, Facts, Law, OperationView, SpaceId, Tables } from '@icn/protocol'
import {
  charterStatementPayload,
  CoopDirectoryUpdate as UpdateBody,
  CoopRegister as RegisterBody,
  CoopRelease as ReleaseBody,
  CoopReserve as ReserveBody,
  dayMs,
  directoryStatementPayload,
  isCoopId,
  Judgement,
  reservationMs,
  reservationsMax,
  viaMsMax,
  viaPerDay,
  viaStatementPayload,
} from '@icn/protocol'
import { charterHashOf, readCharter } from '../charter/index.ts'
import { rootOf } from '../identity/index.ts'
import { isKnownNode } from './profile.ts'
import { controlled, directory, type DirectoryRow, hosted, introductions, publishedCharters, reservations, stewards } from './tables.ts'

/** The directory of coops (commons page §4): who has an id, and what its controllers say of the coop in public. */

/** An id that waited too long for its coop is anybody's. */
const isFree = (row: DirectoryRow | undefined, at: number): boolean => row === undefined || (row.status === 'reserved' && (row.expires_at ?? 0) <= at)

const dayOf = (at: number): number => Math.floor(at / dayMs)

/** Keeps the rows by which a row is found; `undefined` where there is none. */
export function putRow(tables: Tables, coopId: string, after: DirectoryRow | undefined): void {
  const before = tables.get(directory, [coopId])
  const wasHosted = before?.status === 'active' ? before.hosts : []
  const isHosted = after?.status === 'active' ? after.hosts : []
  for (const { did } of wasHosted) tables.delete(hosted, [did, coopId])
  for (const { did } of isHosted) tables.put(hosted, [did, coopId], {})
  for (const did of before?.controllers ?? []) tables.delete(controlled, [did, coopId])
  for (const did of after?.controllers ?? []) tables.put(controlled, [did, coopId], {})
  if (before?.status === 'reserved') tables.delete(reservations, [before.reserved_by, coopId])
  if (after?.status === 'reserved') tables.put(reservations, [after.reserved_by, coopId], {})
  if (after === undefined) tables.delete(directory, [coopId])
  else tables.put(directory, [coopId], after)
}

/** Whether a stranger is introduced by a node that everybody knows, lately, and not as one of too many. */
function demandVia({ author, at, body: { via } }: OperationView<CoopReserve>, facts: Facts, j: Judgement): void {
  if (facts.get(stewards, [author]) !== undefined || isKnownNode(facts, author)) return
  const age = via === undefined ? Number.POSITIVE_INFINITY : via.expires_at - at[0]
  const isGood = via !== undefined && age > 0 && age <= viaMsMax && isKnownNode(facts, via.did)
  j.refuseIf(!isGood, 'VIA_REQUIRED')
  if (via === undefined) return
  j.refuseIf(via.key !== rootOf(facts, via.did), 'STATEMENT_KEY', { params: { did: via.did } })
  const row = facts.get(introductions, [via.did])
  const used = row?.day === dayOf(at[0]) ? row.used : 0
  j.refuseIf(used >= viaPerDay, 'VIA_EXHAUSTED', { limit: viaPerDay, used, params: { limit: viaPerDay, did: via.did }, passes_at: (dayOf(at[0]) + 1) * dayMs })
}

const reserveLaw: Law<CoopReserve> = {
  kind: 'commons.coop.reserve',
  key: 'R',
  body: ReserveBody as Law<CoopReserve>['body'],
  subject: (body) => body.coop_id,
  statements: ({ via }, { network, author }) =>
    via === undefined
      ? []
      : [
          {
            purpose: 'via',
            key: via.key,
            payload: viaStatementPayload({ network, did: author, kind: 'commons.coop.reserve', expires_at: via.expires_at }),
            signature: via.signature,
          },
        ],
  decide(op, facts) {
    const j = new Judgement()
    const { author, body } = op
    const at = op.at[0]
    const row = facts.get(directory, [body.coop_id])
    demandVia(op, facts, j)
    j.refuseIf(!isCoopId(body.coop_id), 'COOP_ID_INVALID')
    j.refuseIf(row?.genesis === body.genesis, 'ALREADY_RESERVED')
    j.refuseIf(row?.genesis !== body.genesis && !isFree(row, at), 'ID_TAKEN', { params: { coop_id: body.coop_id } })
    const own = [...facts.scan(reservations, { prefix: [author] })].filter(([[, id]]) => !isFree(facts.get(directory, [id]), at)).length
    j.refuseIf(own >= reservationsMax, 'RESERVATIONS_TOO_MANY', { limit: reservationsMax, used: own, params: { limit: reservationsMax } })
    return j.decision()
  },
  apply(op, tables) {
    const { author, body } = op
    const at = op.at[0]
    const { coop_id, genesis, name, type } = body
    putRow(tables, coop_id, {
      genesis,
      name,
      type,
      status: 'reserved',
      controllers: [author],
      threshold: 1,
      hosts: [],
      version: 0,
      reserved_by: author,
      reserved_at: at,
      expires_at: at + reservationMs,
      updated_at: at,
    })
    if (body.via !== undefined) {
      const row = tables.get(introductions, [body.via.did])
      const day = dayOf(at)
      tables.put(introductions, [body.via.did], { day, used: row?.day === day ? row.used + 1 : 1 })
    }
    tables.emit('directory.reserved', { coop_id, genesis, by: author })
  },
}

/** One after the other, and each by the key that speaks for them here. */
function demandSigners(facts: Facts, j: Judgement, signers: readonly { readonly did: Did; readonly key: Did }[]): void {
  j.refuseIf(new Set(signers.map(({ did }) => did)).size !== signers.length, 'SIGNER_REPEATED')
  const wrong = signers.find(({ did, key }) => key !== rootOf(facts, did))
  j.refuseIf(wrong !== undefined, 'STATEMENT_KEY', { params: { did: wrong?.did ?? '' } })
}

function demandControllers(j: Judgement, { controllers, threshold, hosts }: Pick<DirectoryRow, 'controllers' | 'threshold' | 'hosts'>): void {
  const twice = (names: readonly Did[]): boolean => new Set(names).size !== names.length
  j.refuseIf(twice(controllers) || twice(hosts.map(({ did }) => did)), 'NAMES_REPEATED')
  j.refuseIf(threshold < 1 || threshold > controllers.length, 'THRESHOLD_INVALID', { params: { count: controllers.length } })
}

/** How many founders a charter wants to have signed, and whether all who signed are its founders. */
function foundersWanted(charter: CharterDocument | undefined, signers: readonly Did[]): { readonly need: number; readonly strangers: boolean } {
  const read = charter === undefined ? undefined : readCharter(charter)
  if (read === undefined) return { need: 1, strangers: false }
  const founders = new Set(read.founders.map(({ did }) => did))
  return { need: read.membership.min_founders, strangers: signers.some((did) => !founders.has(did)) }
}

const registerLaw: Law<CoopRegister> = {
  kind: 'commons.coop.register',
  key: 'D',
  body: RegisterBody as Law<CoopRegister>['body'],
  subject: (body) => body.coop_id,
  statements: ({ coop_id, charter_hash, signatures }, { network }) =>
    signatures.map(({ key, signature }) => ({
      purpose: 'charter',
      key,
      payload: charterStatementPayload({ network, space: `coop:${coop_id}` as SpaceId, hash: charter_hash, coop_id, version: 1 }),
      signature,
    })),
  decide(op, facts) {
    const j = new Judgement()
    const { author, body } = op
    const row = facts.get(directory, [body.coop_id])
    const signers = body.signatures.map(({ did }) => did)
    j.refuseIf(row === undefined, 'RESERVATION_MISSING')
    j.refuseIf(row !== undefined && row.genesis !== body.genesis, 'ID_TAKEN', { params: { coop_id: body.coop_id } })
    j.refuseIf(row !== undefined && row.reserved_by !== author && !signers.includes(author), 'NOT_A_SIGNER')
    j.refuseIf(body.charter !== undefined && charterHashOf(body.charter) !== body.charter_hash, 'CHARTER_HASH_MISMATCH')
    const { need, strangers } = foundersWanted(body.charter, signers)
    j.refuseIf(signers.length < need || strangers, 'SIGNATURES_MISSING', { limit: need, used: signers.length, params: { need, have: signers.length } })
    demandSigners(facts, j, body.signatures)
    j.refuseIf(
      body.controllers.some((did) => !signers.includes(did)),
      'CONTROLLER_NOT_SIGNER',
    )
    demandControllers(j, body)
    j.refuseIf(row !== undefined && row.genesis === body.genesis && row.status !== 'reserved', 'ALREADY_REGISTERED')
    return j.decision()
  },
  apply(op, tables) {
    const { coop_id, charter, signatures, ...said } = op.body
    const at = op.at[0]
    const { expires_at: _, ...row } = tables.get(directory, [coop_id]) as DirectoryRow
    putRow(tables, coop_id, { ...row, ...said, status: 'active', charter_version: 1, version: 1, registered_at: at, updated_at: at })
    tables.put(publishedCharters, [coop_id, 1], { hash: said.charter_hash, ...(charter === undefined ? {} : { charter }), signatures, at })
    tables.emit('directory.registered', { coop_id, genesis: said.genesis, by: op.author })
  },
}

/** Where a coop may go from where it stands (coop page, lifecycle). */
const moves: Readonly<Record<DirectoryStatus, readonly DirectoryStatus[]>> = {
  reserved: [],
  active: ['suspended', 'dissolving'],
  suspended: ['active', 'dissolving'],
  dissolving: ['active', 'suspended', 'dissolved'],
  dissolved: [],
}

/** What one controller may change alone; everything else takes as many as the row says. */
const aloneFields: ReadonlySet<string> = new Set(['name', 'description', 'website', 'hosts'])

/** How many of the row's controllers have to agree to these changes. */
export function controllersNeeded(row: DirectoryRow, { changes }: Pick<CoopDirectoryUpdate, 'changes'>): number {
  const isPause = changes.status !== undefined && new Set([row.status, changes.status, 'active', 'suspended']).size === 2
  const fields = Object.keys(changes).filter((field) => !(field === 'status' && isPause))
  return fields.every((field) => aloneFields.has(field)) ? 1 : row.threshold
}

const updateLaw: Law<CoopDirectoryUpdate> = {
  kind: 'commons.coop.update',
  key: 'D',
  body: UpdateBody as Law<CoopDirectoryUpdate>['body'],
  subject: (body) => body.coop_id,
  statements: ({ coop_id, genesis, version, changes, statements }, { network }) =>
    statements.map(({ key, signature }) => ({ purpose: 'directory', key, payload: directoryStatementPayload({ network, coop_id, genesis, version, changes }), signature })),
  decide(op, facts) {
    const j = new Judgement()
    const { author, body } = op
    const row = facts.get(directory, [body.coop_id])
    if (row === undefined || row.status === 'reserved' || row.genesis !== body.genesis) {
      j.refuseIf(true, 'COOP_UNLISTED', { params: { coop_id: body.coop_id } })
      return j.decision()
    }
    const { changes } = body
    j.refuseIf(!row.controllers.includes(author), 'NOT_A_CONTROLLER')
    j.refuseIf(body.version !== row.version + 1, 'VERSION_STALE', { params: { version: row.version + 1 } })
    const others = body.statements.filter(({ did }) => did !== author && row.controllers.includes(did))
    const have = new Set(others.map(({ did }) => did)).size + 1
    const need = controllersNeeded(row, body)
    j.refuseIf(have < need, 'CONTROLLERS_MISSING', { limit: need, used: have, params: { need, have } })
    demandSigners(facts, j, body.statements)
    j.refuseIf(body.charter !== undefined && charterHashOf(body.charter) !== (changes.charter_hash ?? row.charter_hash), 'CHARTER_HASH_MISMATCH')
    j.refuseIf(changes.status !== undefined && changes.status !== row.status && !moves[row.status].includes(changes.status), 'STATUS_INVALID', { params: { status: row.status } })
    j.refuseIf(row.status === 'dissolved', 'STATUS_INVALID', { params: { status: row.status } })
    demandControllers(j, { ...row, ...changes })
    return j.decision()
  },
  apply(op, tables) {
    const { coop_id, version, changes, charter, statements } = op.body
    const at = op.at[0]
    const row = tables.get(directory, [coop_id]) as DirectoryRow
    const after: DirectoryRow = { ...row, ...changes, version, updated_at: at }
    putRow(tables, coop_id, after)
    if (after.charter_hash !== undefined && (charter !== undefined || after.charter_hash !== row.charter_hash))
      tables.put(publishedCharters, [coop_id, version], { hash: after.charter_hash, ...(charter === undefined ? {} : { charter }), signatures: statements, at })
    tables.emit('directory.updated', { coop_id, genesis: row.genesis, version, by: op.author })
  },
}

const releaseLaw: Law<CoopRelease> = {
  kind: 'commons.coop.release',
  key: 'D',
  body: ReleaseBody as Law<CoopRelease>['body'],
  subject: (body) => body.coop_id,
  decide(op, facts) {
    const j = new Judgement()
    const row = facts.get(directory, [op.body.coop_id])
    j.refuseIf(row?.status !== 'reserved' || row.reserved_by !== op.author, 'RESERVATION_MISSING')
    return j.decision()
  },
  apply(op, tables) {
    const { coop_id } = op.body
    putRow(tables, coop_id, undefined)
    tables.emit('directory.released', { coop_id, by: op.author })
  },
}

export const directoryLaws: readonly Law[] = [reserveLaw, registerLaw, updateLaw, releaseLaw]
