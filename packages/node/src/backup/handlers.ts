import { basename } from 'node:path'
import { timeText } from '@icn/protocol'
import type { Handlers } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import type { RestoreProofs } from '../snapshot/index.ts'
import type { Backups } from './backups.ts'

type BackupMethods = 'node.backup' | 'node.backup.drill' | 'node.backup.list'

/** `backups` answers undefined where nothing is kept that could be copied. */
export function backupHandlers(parts: { backups(): Backups | undefined; readonly proofs: Pick<RestoreProofs, 'trials'> }): Handlers<BackupMethods> {
  const backups = (): Backups => {
    const found = parts.backups()
    if (found === undefined) throw refuse('BACKUP_FILE', { file: '', reason: 'this node keeps nothing (--ephemeral)' })
    return found
  }
  return defineHandlers<BackupMethods>({
    'node.backup': ({ input }) => ({
      title: 'backup',
      key: 'node.backup',
      async run(progress, signal) {
        const order = {
          file: input.file,
          passphraseFile: input.passphrase_file,
          plaintext: input.plaintext,
          ...(input.encrypt_to === undefined ? {} : { encryptTo: input.encrypt_to }),
        }
        const { at, ...made } = await backups().make(order, { signal, onProgress: (step, done, total) => progress(done, Math.max(done, total), 'bytes', step) })
        return { ...made, made_at: timeText(at), recipients: [...made.recipients] }
      },
    }),
    'node.backup.drill': ({ input }) => ({
      title: 'backup drill',
      key: 'node.backup',
      async run(progress, signal) {
        const trial = await backups().drill(input.file, {
          signal,
          onProgress: (step, done, total) => progress(done, Math.max(done, total), step === 'fold' ? 'operations' : 'bytes', step),
        })
        const { name, at, result, code, roots, duration_ms } = trial
        return { file: input.file ?? name, at: timeText(at), result, code: code ?? null, roots: [...(roots ?? [])], duration_ms }
      },
    }),
    'node.backup.list': async () => {
      const all = backups()
      const trials = parts.proofs.trials().filter(({ what }) => what === 'backup')
      const items = (await all.files()).map(({ file, bytes }) => ({ file, bytes, result: trials.find(({ name }) => name === basename(file))?.result ?? null }))
      return { value: { dir: all.options.dir, items } }
    },
  })
}
