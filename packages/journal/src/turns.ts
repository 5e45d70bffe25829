/** Long work in small pieces, so that nobody who writes waits for it. A piece ends where the generator yields. */

/** Milliseconds of work between two turns of the event loop. Larger: writers wait longer; smaller: more turns for the same work. */
const turnMs = 5

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Runs it to its end at once. */
export function atOnce<Answer>(work: Generator<void, Answer>): Answer {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

/** Runs it to its end, and lets others have their turn. */
export async function inTurns<Answer>(work: Generator<void, Answer>): Promise<Answer> {
  for (let since = performance.now(); ; ) {
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() - since < turnMs) continue
    await nextTurn()
    since = performance.now()
  }
}
