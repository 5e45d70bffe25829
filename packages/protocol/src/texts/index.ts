import type { Code } from '../codes/index.ts'
import { codes } from '../codes/index.ts'
import { en, es, type TextKey } from './catalogue.ts'

export type { TextKey } from './catalogue.ts'

/** Languages that every text of this house exists in. */
export const languages = ['en', 'es'] as const
export type Language = (typeof languages)[number]

const catalogues: Readonly<Record<Language, Readonly<Record<TextKey, string>>>> = { en, es }

/** The best of our languages for an Accept-Language header or a plain tag; English when none fits. */
export function pickLanguage(accept: string | undefined): Language {
  if (accept === undefined) return 'en'
  const wanted = accept
    .slice(0, 256)
    .split(',')
    .map((part) => {
      const [tag = '', ...rest] = part.trim().toLowerCase().split(';')
      const q = rest.map((item) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/.exec(item)?.[1]).find((value) => value !== undefined)
      return { tag: tag.split('-')[0] ?? '', q: q === undefined ? 1 : Number(q) }
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
  for (const { tag } of wanted) {
    const found = languages.find((language) => language === tag)
    if (found !== undefined) return found
  }
  return 'en'
}

export type TextParams = Readonly<Record<string, unknown>>

function show(value: unknown): string {
  if (value === undefined || value === null) return '–'
  if (Array.isArray(value)) return value.map(show).join(', ')
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

/** Fills `{name}` from params; what is missing becomes a dash, so that a text never breaks. */
export function fillText(template: string, params: TextParams = {}): string {
  return template.replaceAll(/\{([a-z0-9_]+)\}/g, (_, name: string) => {
    const value = params[name]
    return name.endsWith('_at') && typeof value === 'number' ? new Date(value).toISOString() : show(value)
  })
}

export function codeText(code: Code, params: TextParams, language: Language): string {
  return fillText(codes[code][language], params)
}

/** What the reader can do about a code; undefined when the table has no advice. */
export function fixText(code: Code, params: TextParams, language: Language): string | undefined {
  const fix = codes[code].fix?.[language]
  // Advice that names something nobody knows ("did you mean –?") is worse than none.
  return fix === undefined || [...fix.matchAll(/\{([a-z0-9_]+)\}/g)].some((match) => params[match[1] as string] === undefined) ? undefined : fillText(fix, params)
}

export function sayText(key: TextKey, language: Language, params: TextParams = {}): string {
  return fillText(catalogues[language][key], params)
}

export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(en, key)
}
