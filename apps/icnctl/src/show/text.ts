import type { Language } from '@icn/protocol'

/** Times, ids and columns as people read them. */

const dayMs = 86_400_000

/** Relative when under a day away, else local with its zone. */
export function timeOf(text: string, now: number, language: Language): string {
  const at = Date.parse(text)
  if (!Number.isFinite(at)) return text
  const away = at - now
  if (Math.abs(away) < dayMs) {
    const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
    const seconds = Math.round(away / 1_000)
    if (Math.abs(seconds) < 60) return relative.format(seconds, 'second')
    const minutes = Math.round(away / 60_000)
    return Math.abs(minutes) < 60 ? relative.format(minutes, 'minute') : relative.format(Math.round(away / 3_600_000), 'hour')
  }
  return new Intl.DateTimeFormat(language === 'es' ? 'es' : 'en-GB', {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(at)
}

const isDidText = (text: string): boolean => /^did:icn:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/.test(text)
const isCidText = (text: string): boolean => /^bafyrei[a-z2-7]{52}$/.test(text)
export const isId = (text: string): boolean => isDidText(text) || isCidText(text)

/** The middle of an id is left out; both ends are what people compare. */
export function shortId(text: string): string {
  if (isDidText(text)) return `${text.slice(0, 13)}…${text.slice(-4)}`
  if (isCidText(text)) return `${text.slice(0, 9)}…${text.slice(-6)}`
  return text.length > 55 ? `${text.slice(0, 40)}…${text.slice(-10)}` : text
}

/** Ids inside a sentence. */
export const shortIdsIn = (text: string): string => text.replaceAll(/did:icn:z6Mk[1-9A-HJ-NP-Za-km-z]{44}|bafyrei[a-z2-7]{52}/g, (id) => shortId(id))
