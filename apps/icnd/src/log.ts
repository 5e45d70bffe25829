import { createHash, randomBytes } from 'node:crypto'
import { pino } from 'pino'

/** Lines an operator reads. Text that came from outside is never among them at `info` or above: only our own names, codes and kinds. */
export interface Log {
  fatal(event: string, msg: string, more?: LogFields): void
  error(event: string, msg: string, more?: LogFields): void
  warn(event: string, msg: string, more?: LogFields): void
  info(event: string, msg: string, more?: LogFields): void
  debug(event: string, msg: string, more?: LogFields): void
  /** A person as a salted tag that is stable on this node while it runs. */
  tag(did: string): string
  level: string
  flush(): void
}

export type LogFields = Readonly<{
  actor?: string
  space?: string
  kind?: string
  code?: string
  outcome?: string
  duration_ms?: number
  operation?: string
  phase?: string
  name?: string
  count?: number
  address?: string
  err?: unknown
}>

export interface LogOptions {
  readonly level: string
  readonly format: string
  readonly identities: boolean
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void
}

/** Lines of one event more often than this in a minute are counted and summed up. */
const perMinuteMax = 20
const minuteMs = 60_000

export function openLog(options: LogOptions): Log {
  const destination = options.write === undefined ? pino.destination({ sync: false, minLength: 0 }) : { write: options.write }
  const lines = pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, destination as never)
  const salt = randomBytes(16)
  const seen = new Map<string, { from: number; count: number }>()
  const write = (level: 'fatal' | 'error' | 'warn' | 'info' | 'debug', event: string, msg: string, more: LogFields = {}): void => {
    const now = Date.now()
    const key = `${level} ${event} ${more.code ?? ''}`
    const rate = seen.get(key)
    if (rate === undefined || now - rate.from > minuteMs) {
      if (rate !== undefined && rate.count > perMinuteMax) lines[level]({ event, count: rate.count - perMinuteMax }, 'the same, further times in the last minute')
      seen.set(key, { from: now, count: 1 })
    } else if (++rate.count > perMinuteMax) return
    const { err, ...fields } = more
    if (options.format === 'pretty') {
      pretty(destination as { write(text: string): void }, lines.isLevelEnabled(level), level, msg, fields)
      return
    }
    lines[level]({ event, ...fields, ...(err === undefined ? {} : { err: causeOf(err) }) }, msg)
  }
  return {
    fatal: (event, msg, more) => write('fatal', event, msg, more),
    error: (event, msg, more) => write('error', event, msg, more),
    warn: (event, msg, more) => write('warn', event, msg, more),
    info: (event, msg, more) => write('info', event, msg, more),
    debug: (event, msg, more) => write('debug', event, msg, more),
    tag: (did) => (options.identities ? did : createHash('sha256').update(salt).update(did).digest('hex').slice(0, 8)),
    get level() {
      return lines.level
    },
    set level(level: string) {
      lines.level = level
    },
    flush: () => {
      if ('flushSync' in destination) destination.flushSync()
    },
  }
}

function pretty(destination: { write(text: string): void }, enabled: boolean, level: string, msg: string, fields: object): void {
  if (!enabled) return
  const more = Object.entries(fields)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
  destination.write(`${new Date().toISOString()} ${level.padEnd(5)} ${msg}${more === '' ? '' : `  ${more}`}\n`)
}

/** Type and code of an error and its causes. The message only of our own faults: a library's may quote what came from outside. */
function causeOf(error: unknown): { readonly type: string; readonly code?: string; readonly stack?: string; readonly cause: readonly string[] } {
  const chain: string[] = []
  for (let cause = (error as { cause?: unknown })?.cause; cause instanceof Error && chain.length < 5; cause = cause.cause) chain.push(cause.name)
  if (!(error instanceof Error)) return { type: typeof error, cause: chain }
  const code = (error as { code?: unknown }).code
  // Frames name our files and functions; the first line may quote input and is left out.
  const stack = error.stack
    ?.split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8)
    .map((line) => line.trim().replace(/\(?(?:file:\/\/)?\/[^)]*\/((?:packages|apps|node_modules)\/)/, '($1'))
    .join(' | ')
  return { type: error.name, ...(typeof code === 'string' ? { code } : {}), ...(stack === undefined ? {} : { stack }), cause: chain }
}
