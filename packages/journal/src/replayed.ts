import { commonsSpace, type OperationId } from '@icn/protocol'
import type { PlacedOperation, WriteOptions, WriteResult } from './api.ts'
import { recordOf } from './decisions.ts'
import type { Engine } from './engine.ts'
import { readAnswer } from './idempotency.ts'
import type { Overlay } from './overlay.ts'

/** The answer of an earlier call with the same idempotency key. */
export function replayed<Answer>(
  engine: Engine,
  overlay: Overlay,
  options: WriteOptions<Answer>,
  lookup: ((id: OperationId) => PlacedOperation | undefined) | undefined,
): WriteResult<Answer> | undefined {
  if (options.idempotency === undefined) return undefined
  const stored = readAnswer(overlay, options.idempotency.key, options.idempotency.input)
  if (stored === undefined) return undefined
  const context = { space: commonsSpace, kind: '', author: engine.parts.node, by: engine.parts.node, now: stored.at, checkpoint: null, head: null }
  const placed = stored.operation === null ? undefined : lookup?.(stored.operation)
  const decision =
    placed === undefined
      ? recordOf(stored.decision ?? '', 'real', context, { outcome: stored.outcome === 'applied' ? 'lawful' : 'already_done', checks: [] })
      : recordOf(
          placed.operation.id,
          'real',
          { ...context, space: placed.operation.envelope.space, kind: placed.operation.envelope.kind, author: placed.operation.envelope.author },
          { outcome: stored.outcome === 'applied' ? 'lawful' : 'already_done', checks: placed.checks },
        )
  return {
    outcome: stored.outcome,
    ...(placed === undefined ? {} : { operation: placed }),
    decision,
    ...(stored.answer === null ? {} : { answer: JSON.parse(stored.answer) as Answer }),
    replayed: true,
  }
}
