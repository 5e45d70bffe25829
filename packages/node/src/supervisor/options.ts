/** Options of the supervisor (operating page §1). Each has a default, bounds and a unit; configuration prints them. */
export interface SupervisorOptions {
  /** Messages in front of each actor. Larger hides overload, smaller answers MAILBOX_FULL sooner. 1–10 000. */
  readonly mailboxCount: number
  /** How long each actor may take to stop [ms]. 1 000–300 000. */
  readonly shutdownTimeoutMs: number
  /** First wait before a crashed actor is started again; it doubles [ms]. 10–10 000. */
  readonly restartInitialDelayMs: number
  /** Longest such wait [ms]. 1 000–300 000. */
  readonly restartMaxDelayMs: number
  /** Restarts of one actor within the window after which the daemon stops. 1–100. */
  readonly restartAttemptsMax: number
  /** The window [ms]. 10 000–3 600 000. */
  readonly restartWindowMs: number
}

export const supervisorDefaults: SupervisorOptions = {
  mailboxCount: 100,
  shutdownTimeoutMs: 5_000,
  restartInitialDelayMs: 100,
  restartMaxDelayMs: 30_000,
  restartAttemptsMax: 5,
  restartWindowMs: 60_000,
}

/** The whole stop, whatever the parts ask for. Larger: service managers kill us first. */
export const stopMsMax = 60_000
/** How long one message may keep its actor's turn; then the next one comes and this one is counted. */
export const turnMsMax = 30_000
/** Faults that `doctor` lists, and for how long. */
export const faultsCount = 1_000
export const faultsMs = 86_400_000
/** A phase of starting that takes longer says so, again and again. */
export const phaseSayMs = 10_000
