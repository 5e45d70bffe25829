/** Time as the supervisor uses it; tests bring their own. */
export interface Timing {
  /** Monotonic milliseconds. */
  now(): number
  /** Runs `work` once, later; what it returns takes it back. */
  after(ms: number, work: () => void): () => void
}

export const realTiming: Timing = {
  now: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}

/** What became of work that had only so long. */
export async function withDeadline(timing: Timing, ms: number, work: Promise<void>): Promise<'done' | 'late'> {
  let cancel = (): void => {}
  const late = new Promise<'late'>((resolve) => {
    cancel = timing.after(ms, () => resolve('late'))
  })
  try {
    return await Promise.race([work.then(() => 'done' as const), late])
  } finally {
    cancel()
  }
}
