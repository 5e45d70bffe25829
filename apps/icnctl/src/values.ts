import { readFileSync } from 'node:fs'
import { CliRefusal } from './problems.ts'

/** Values as people type them. */

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const wrong = (value: string, field: string, reason: string): CliRefusal => new CliRefusal('INPUT_INVALID', 'trouble.value', { value, field, reason })

/** `30s`, `12h`, `7d`, `1h30m`; a bare number is seconds. */
export function durationMs(text: string, field: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const parts = [...text.matchAll(/(\d{1,9})(ms|min|[smhdw])/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) throw wrong(text, field, '30s, 12h, 7d')
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit as string] as number), 0)
}

/** Thousandths: `800`, or the part of a whole as `0.8`. */
export function permille(text: string, field: string): number {
  const part = /^([01])[.,](\d{1,3})$/.exec(text)
  const value = part === null ? (/^\d{1,4}$/.test(text) ? Number(text) : Number.NaN) : Number(part[1]) * 1_000 + Number((part[2] as string).padEnd(3, '0'))
  if (!(value <= 1_000)) throw wrong(text, field, '0–1000, 0.0–1.0')
  return value
}

export function wholeNumber(text: string, field: string): number {
  const plain = text.replaceAll(/(?<=\d)[_ ](?=\d)/g, '')
  if (!/^-?\d{1,15}$/.test(plain)) throw wrong(text, field, '123')
  return Number(plain)
}

/** A local date or time, or RFC 3339; or from now on, as `+7d`. Answers RFC 3339. */
export function timeText(text: string, field: string, now: number): string {
  if (/^[+-]/.test(text)) return new Date(now + (text.startsWith('-') ? -1 : 1) * durationMs(text.slice(1), field)).toISOString()
  // A bare date is midnight here, as people mean it, not in Greenwich.
  const local = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text.replace(' ', 'T')
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(local) ? Date.parse(local) : Number.NaN
  if (!Number.isFinite(at)) throw wrong(text, field, '2026-12-01, 2026-12-01T18:00, +7d')
  return new Date(at).toISOString()
}

export function yesOrNo(text: string, field: string): boolean {
  if (['true', 'yes', 'si', 'sí'].includes(text.toLowerCase())) return true
  if (['false', 'no'].includes(text.toLowerCase())) return false
  throw wrong(text, field, 'true, false')
}

/** JSON as it stands, a file, or `-` for what comes in. */
export function document(text: string, field: string): unknown {
  const content = /^\s*[[{"]/.test(text) ? text : readText(text)
  try {
    return JSON.parse(content)
  } catch (error) {
    throw wrong(text.slice(0, 60), field, (error as Error).message)
  }
}

/** A file's bytes, or what comes in for `-`. */
export function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new CliRefusal('INPUT_INVALID', 'trouble.file', { file, reason: (error as NodeJS.ErrnoException).code ?? (error as Error).message })
  }
}

export const readText = (file: string): string => new TextDecoder().decode(readBytes(file))
