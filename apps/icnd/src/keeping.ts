import { statSync } from 'node:fs'
import type { JournalApi } from '@icn/journal'
import { Backups, type Metrics, type RestoreProofs } from '@icn/node'
import { commonsSpace, dayMs, didOfKey, hourMs, type StatusView, timeText } from '@icn/protocol'
import type { NodeParts } from './compose.ts'
import type { DoctorParts, Say } from './doctor.ts'
import { version } from './version.ts'

/** What is kept beside the store, and what it is worth: for status, health and doctor. */

export function openBackups(
  { config, keys, log, ephemeral }: NodeParts,
  {
    journal,
    metrics,
    proofs,
    wall,
    fault,
  }: { readonly journal: JournalApi; readonly metrics: Metrics; readonly proofs: RestoreProofs; readonly wall: () => number; readonly fault: (error: unknown) => void },
): Backups | undefined {
  if (ephemeral) return undefined
  return new Backups({
    options: {
      dir: config['backup.dir'],
      everyMs: config['backup.every_hours'] * hourMs,
      keepCount: config['backup.keep_count'],
      recipientsFile: config['backup.recipients_file'],
      drillEveryMs: config['backup.drill_every_days'] * dayMs,
    },
    folder: config.data_dir,
    local: journal.local,
    proofs,
    metrics,
    node: didOfKey(keys.key.publicKey),
    name: config['node.name'],
    release: version,
    seed: keys.seed,
    network: () => journal.info(commonsSpace)?.genesis,
    sign: (message) => new Uint8Array(keys.key.sign(message)),
    now: wall,
    fault,
    told(what, params) {
      if (params['result'] === 'failed') log.error('backup', 'a backup was tried, and its restore failed', params)
      else log.info('backup', what === 'made' ? 'made a backup' : 'tried a backup', params)
    },
  })
}

export function backupOf(backups: Backups | undefined): StatusView['backup'] {
  const last = backups?.last
  if (last === undefined) return null
  const { at, file, bytes, code, good_at } = last
  return { at: timeText(at), file, bytes, code: code ?? null, good_at: good_at === null ? null : timeText(good_at) }
}

export function examineBackups({ backups, config, now }: Pick<DoctorParts, 'backups' | 'config' | 'now'>, say: Say): void {
  if (backups === undefined) return
  const { dir, everyMs, drillEveryMs } = backups.options
  const { last } = backups
  if (dir === null) say('keeping', 'backup', 'warn', 'no backups are made by themselves', 'set backup.dir and backup.recipients_file; see the guide on backups')
  else {
    const goodAt = last?.good_at ?? undefined
    const isOld = goodAt === undefined || now() - goodAt > 2 * everyMs
    const text = goodAt === undefined ? 'none was made yet' : `the last good one was made at ${timeText(goodAt)}`
    if (last?.code !== undefined) say('keeping', 'backup', 'fail', `the backup of ${timeText(last.at)} failed (${last.code}); ${text}`, 'icnctl backup, and read what it says')
    else say('keeping', 'backup', isOld ? 'warn' : 'ok', text, isOld ? 'icnctl backup' : null)
    const isSameDisk = deviceOf(dir) !== undefined && deviceOf(dir) === deviceOf(config.data_dir)
    say(
      'keeping',
      'place',
      isSameDisk ? 'warn' : 'ok',
      isSameDisk ? `${dir} is on the disk that holds the data itself` : `${dir} is on another disk than the data`,
      isSameDisk ? 'copy the files elsewhere, or set backup.dir to another disk' : null,
    )
  }
  if (dir !== null && drillEveryMs === 0) say('keeping', 'drills', 'warn', 'backups are never tried', 'set backup.drill_every_days')
}

function deviceOf(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.dev
}

export const restoreLine = (proofs: RestoreProofs): string => {
  const provenAt = proofs.lastProven()
  return `last proven restore: ${provenAt === undefined ? 'never' : timeText(provenAt)}`
}

export function restoresOf(proofs: RestoreProofs): Pick<StatusView, 'restore_proven_at' | 'restores'> {
  const provenAt = proofs.lastProven()
  return {
    restore_proven_at: provenAt === undefined ? null : timeText(provenAt),
    restores: proofs.standings().map(({ what, space, last, provenAt: at }) => ({
      what,
      space: space ?? null,
      proven_at: at === undefined ? null : timeText(at),
      last: { at: timeText(last.at), name: last.name, result: last.result, duration_ms: last.duration_ms, code: last.code ?? null },
    })),
  }
}

export function examineRestores(proofs: RestoreProofs, say: Say): void {
  const standings = proofs.standings()
  for (const { what, space, last, provenAt } of standings) {
    const of = what === 'backup' ? 'the backup' : `the archive of ${space}`
    const when = `at ${timeText(last.at)} of ${last.name}`
    const proven = provenAt === undefined ? 'none was ever proven' : `last proven at ${timeText(provenAt)}`
    if (last.result === 'failed')
      say('keeping', 'restore', 'fail', `the restore of ${of} that was tried ${when} failed (${last.code}); ${proven}`, 'make another copy, then try its restore again')
    else if (last.result === 'partial') say('keeping', 'restore', 'warn', `the restore of ${of} that was tried ${when} could not fold everything again (${last.code}); ${proven}`)
    else say('keeping', 'restore', 'ok', `a restore of ${of} was proven ${when}, in ${last.duration_ms} ms`)
  }
  for (const what of ['backup', 'archive'] as const)
    if (proofs.isStale(what))
      say(
        'keeping',
        'proof',
        'warn',
        `no restore of ${what === 'backup' ? 'a backup' : 'an archive'} was proven for twice as long as drills may be apart`,
        'try one: see the guide on backups',
      )
  if (standings.length === 0) say('keeping', 'proof', 'unknown', 'no restore was ever tried here', 'make a backup and try it: see the guide on backups')
}
