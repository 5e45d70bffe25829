import { hasPower, imports } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { Did, Facts, ImportPreview, OperationId, SpaceId } from '@icn/protocol'
import { codeText, fromUtf8, spaceOfCoop, timeText, toBase64Url } from '@icn/protocol'
import type { Handlers, JobAnswer, UploadCall } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { decisionRefusal } from '../calls/problem.ts'
import { CallRefusal, refuse } from '../calls/refusal.ts'
import { isCode, languageOf } from '../calls/render.ts'
import { coopIdOf, factsOf } from './common.ts'
import { readCsv } from './csv.ts'
import type { ImportEntry, ImportProblem, ImportReading } from './import-read.ts'
import { importRowsMax, readImport } from './import-read.ts'
import { makeCode, usualExpiry } from './invites.ts'
import type { CoopParts } from './parts.ts'

/** Import of a register in two steps: a look, then a job that brings it in batch by batch (coop page §10). */

const tokenMs = 15 * 60_000
/** Larger: a batch of long names passes the 64 KiB of an operation; smaller: more operations for the same file. */
const batchRows = 100

interface StoredImport {
  readonly space: SpaceId
  readonly did: Did
  readonly expires_at: number
  readonly entries: readonly ImportEntry[]
  readonly problems: readonly ImportProblem[]
}

interface ImportToken {
  readonly import_id: string
  readonly did: string
  readonly space: string
  readonly expires_at: number
}

const storeKey = (importId: string): readonly string[] => ['coop.imports', importId]

function problemView(problem: ImportProblem, lang: string): ImportPreview['problems'][number] {
  const { row, column, code } = problem
  return { row, column, code, text: isCode(code) ? codeText(code, { [column]: column, column, row }, languageOf(lang)) : code }
}

function textOf(call: UploadCall<{ readonly csv?: string | undefined }>): string {
  if (call.input.csv !== undefined) return call.input.csv
  try {
    return fromUtf8(call.file.bytes)
  } catch {
    throw refuse('INPUT_INVALID', { count: 1, pointer: '/csv' })
  }
}

/** Rows of old previews go when another one is made. */
function forget(journal: JournalApi, now: number): { readonly key: readonly (string | number | Uint8Array)[]; readonly value: undefined }[] {
  return [...journal.local.scan(['coop.imports'])].filter(([, value]) => (value as StoredImport).expires_at + tokenMs < now).map(([key]) => ({ key, value: undefined }))
}

function preview(reading: ImportReading, token: string, lang: string): ImportPreview {
  const count = (outcome: string): number => reading.lines.filter((line) => line.outcome === outcome).length
  return {
    counts: { new: count('new'), same: count('same'), changes: count('changes'), conflict: count('conflict'), error: count('error') },
    rows: reading.lines.slice(0, 20).map((line) => ({
      row: line.row,
      outcome: line.outcome,
      number: line.number === 0 ? null : line.number,
      name: line.name,
      joined_at: line.joined_at === null ? null : timeText(line.joined_at),
    })),
    problems: reading.problems.map((problem) => problemView(problem, lang)),
    absent: [...reading.absent],
    token,
  }
}

interface Job {
  readonly parts: CoopParts
  readonly journal: JournalApi
  readonly space: SpaceId
  readonly author: Did
  readonly importId: Uint8Array
  readonly stored: StoredImport
}

function grantFor(job: Job, kind: string): OperationId | null {
  const grant = job.parts.grant(job.space, job.author, job.journal.node, kind, job.parts.now())
  if (grant === undefined) throw refuse('NO_GRANT', { signer: job.journal.node, kind, space: job.space })
  return grant
}

function stateOf(job: Job): Facts {
  const facts = job.journal.read(job.space)
  if (facts === undefined) throw refuse('NOT_FOUND')
  return facts
}

/** One batch, at most once: what was applied before is passed over, so a job that was cut goes on where it stopped. */
async function addBatch(job: Job, batch: number, list: readonly ImportEntry[]): Promise<boolean> {
  if (stateOf(job).get(imports, [job.importId, batch]) !== undefined) return false
  const result = await job.journal.propose({
    space: job.space,
    kind: 'coop.entry.add',
    author: job.author,
    grant: grantFor(job, 'coop.entry.add'),
    body: { import_id: job.importId, batch, entries: list },
  })
  if (result.outcome === 'refused') throw decisionRefusal(result.decision)
  return result.outcome === 'applied'
}

async function inviteOne(job: Job, entry: ImportEntry): Promise<{ number: number; invite_id: OperationId; code: string } | ImportProblem> {
  const facts = stateOf(job)
  const made = makeCode(job.parts, facts, job.author)
  const roles = entry.roles.includes('observer') ? ['observer'] : ['member']
  const body = { key: made.key, roles, name: entry.name, entry: entry.number, uses: 1, expires_at: usualExpiry(facts, job.parts.now()) }
  const result = await job.journal.propose({ space: job.space, kind: 'coop.invite.create', author: job.author, grant: grantFor(job, 'coop.invite.create'), body })
  if (result.outcome === 'refused' || result.operation === undefined)
    return { row: entry.row, column: 'invite', code: result.decision.checks.find((check) => check.result === 'fail')?.code ?? 'INVITES_FULL' }
  return { number: entry.number, invite_id: result.operation.operation.id, code: made.code }
}

async function runImport(job: Job, invite: boolean, lang: string, progress: (done: number, total: number, unit: string) => void, signal: AbortSignal) {
  const { entries, problems } = job.stored
  let added = 0
  let batches = 0
  for (let at = 0; at < entries.length; at += batchRows) {
    signal.throwIfAborted()
    const list = entries.slice(at, at + batchRows)
    if (await addBatch(job, at / batchRows, list)) added += list.length
    batches++
    progress(Math.min(at + batchRows, entries.length), entries.length, 'rows')
  }
  const invites: { number: number; invite_id: OperationId; code: string }[] = []
  const left: ImportProblem[] = problems.filter((problem) => problem.row > 0)
  for (const entry of invite ? entries : []) {
    signal.throwIfAborted()
    const made = await inviteOne(job, entry)
    if ('invite_id' in made) invites.push(made)
    else left.push(made)
    progress(invites.length, entries.length, 'invitations')
  }
  job.parts.imported?.('added', added)
  job.parts.imported?.('left_out', left.length)
  return { import_id: toBase64Url(job.importId), added, batches, invites, left_out: left.map((problem) => problemView(problem, lang)) }
}

export function importHandlers(parts: CoopParts): Handlers<'coop.import.preview' | 'coop.import'> {
  return {
    'coop.import.preview': (call, journal) => {
      const facts = factsOf(call)
      const did = callerDid(call)
      const now = parts.now()
      // A look at the file compares it with names and numbers of the register: not for everybody.
      if (!hasPower(facts, did, 'register.edit', now)) throw refuse('POWER_MISSING', { power: 'register.edit', roles: [] })
      const table = readCsv(textOf(call))
      if (table === undefined || table.rows.length > importRowsMax) throw new CallRefusal('INPUT_INVALID', { params: { count: 1, pointer: '/csv', limit: importRowsMax } })
      const reading = readImport(facts, table, now)
      const importId = toBase64Url(parts.random(16))
      const space = spaceOfCoop(coopIdOf(facts))
      const stored: StoredImport = { space, did, expires_at: now + tokenMs, entries: reading.lines.flatMap((line) => line.entry ?? []), problems: reading.problems }
      journal.local.write([...forget(journal, now), { key: storeKey(importId), value: stored }])
      const token: ImportToken = { import_id: importId, did, space, expires_at: now + tokenMs }
      return { value: preview(reading, parts.sealer.seal('import', token), call.caller.lang) }
    },
    'coop.import': (call, journal): JobAnswer => {
      const facts = factsOf(call)
      const did = callerDid(call)
      const space = spaceOfCoop(coopIdOf(facts))
      const token = parts.sealer.open('import', call.input.token) as ImportToken | undefined
      const stored = token === undefined ? undefined : (journal.local.get(storeKey(token.import_id)) as StoredImport | undefined)
      const fits = token !== undefined && stored !== undefined && token.did === did && token.space === space && token.expires_at >= parts.now()
      if (!fits) throw refuse('IMPORT_TOKEN')
      const job: Job = { parts, journal, space, author: did, importId: Uint8Array.from(Buffer.from(token.import_id, 'base64url')), stored }
      // Asked before the job begins, so that the answer says it and not a job that failed.
      grantFor(job, 'coop.entry.add')
      if (call.input.invite) grantFor(job, 'coop.invite.create')
      return { title: `Import into ${space}`, space, key: `coop.import ${space}`, run: (progress, signal) => runImport(job, call.input.invite, call.caller.lang, progress, signal) }
    },
  }
}
