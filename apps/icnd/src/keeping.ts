import type { RestoreProofs } from '@icn/node'
import { type StatusView, timeText } from '@icn/protocol'
import type { Say } from './doctor.ts'

/** What is kept beside the store, and what it is worth: for status, health and doctor. */

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
