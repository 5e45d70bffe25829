import { timeText, toHex } from '@icn/protocol'
import type { ArchiveView } from '@icn/protocol'
import { defineHandlers, type Handlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import type { Archives } from './archives.ts'
import type { Restored } from './parts.ts'
import type { ArchiveFile } from './rotation.ts'

type ArchiveMethods = 'snapshot.archive' | 'snapshot.archives' | 'snapshot.restore' | 'snapshot.drill' | 'snapshot.cleanup' | 'snapshot.delete' | 'snapshot.pin'

/** `archives` answers undefined where nothing is kept. */
export function archiveHandlers(parts: { archives(): Archives | undefined }): Handlers<ArchiveMethods> {
  const archives = (): Archives => {
    const found = parts.archives()
    if (found === undefined) throw refuse('ARCHIVE_FILE', { file: '', reason: 'this node keeps nothing (--ephemeral)' })
    return found
  }
  const viewOf = ({ name, space, at, bytes }: ArchiveFile): ArchiveView => ({
    name,
    space,
    cut_at: timeText(at),
    bytes,
    pinned: archives().isPinned(name),
    result: archives().resultOf(name) ?? null,
  })
  return defineHandlers<ArchiveMethods>({
    'snapshot.archive': ({ input }) => ({
      title: 'archive',
      key: 'snapshot.archive',
      space: input.space,
      async run(progress, signal) {
        const { space, out, encrypt_to, passphrase_file, plaintext, operations } = input
        const order = { space, out, passphraseFile: passphrase_file, plaintext, operations, ...(encrypt_to === undefined ? {} : { encryptTo: encrypt_to }) }
        const made = await archives().make(order, { signal, onProgress: (step, done, total) => progress(done, total, 'bytes', step) })
        const { at, root, cut, recipients, ...rest } = made
        return { ...rest, cut: [...cut], root: toHex(root), made_at: timeText(at), recipients: [...recipients] }
      },
    }),
    'snapshot.archives': async ({ input }) => {
      const files = (await archives().files()).filter(({ space }) => input.space === undefined || space === input.space)
      return { value: { dir: archives().options.dir, items: files.map(viewOf) } }
    },
    'snapshot.restore': ({ input, options }) => ({
      title: 'restore',
      key: 'snapshot.archive',
      async run(progress, signal) {
        const { file, replace, confirm_space: confirm, passphrase_file } = input
        const done = await archives().restore(
          { file, replace, confirm, passphraseFile: passphrase_file, dryRun: options.dryRun === true },
          { signal, onProgress: (step, at, total) => progress(at, Math.max(at, total), 'bytes', step) },
        )
        return restoredView(done)
      },
    }),
    'snapshot.drill': ({ input }) => ({
      title: 'restore drill',
      key: 'snapshot.archive',
      async run(progress, signal) {
        const trial = await archives().drill(input.file, {
          signal,
          onProgress: (step, done, total) => progress(done, Math.max(done, total), step === 'fold' ? 'operations' : 'bytes', step),
        })
        const { name, space, at, result, code, roots, duration_ms } = trial
        return { name, space: space ?? null, at: timeText(at), result, code: code ?? null, roots: [...(roots ?? [])], duration_ms }
      },
    }),
    'snapshot.cleanup': async ({ input }) => ({ value: { deleted: (await archives().cleanup(input.keep)).map(({ name }) => name) } }),
    'snapshot.delete': async ({ input }) => ({ value: { deleted: [(await archives().delete(input.file)).name] } }),
    'snapshot.pin': async ({ input }) => ({ value: viewOf(await archives().pin(input.file, input.pinned)) }),
  })
}

const restoredView = ({ loss, ...done }: Restored) => ({
  outcome: done.outcome,
  file: done.file,
  space: done.space,
  cut: [...done.cut],
  root: toHex(done.root),
  operations: done.count,
  made_at: timeText(done.madeAt),
  made_by: done.madeBy,
  present: done.isPresent,
  lost_or_late: loss?.operations ?? 0,
  gained: loss?.gained ?? 0,
  rows: (loss?.rows ?? []).map(({ table, count }) => ({ table, count })),
})
