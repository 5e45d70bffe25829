import { fillText, type Language, type TextParams } from '@icn/protocol'
import { en, type Words } from './en.ts'
import { es } from './es.ts'
import { rowsEs } from './rows-es.ts'

export type { Words } from './en.ts'

const catalogues: Readonly<Record<Language, Readonly<Record<Words, string>>>> = { en, es }

/** Texts in one language. */
export interface Texts {
  readonly language: Language
  say(key: Words, params?: TextParams): string
  /** A sentence of the operations table, which is written in English. */
  row(sentence: string): string
}

export function textsIn(language: Language): Texts {
  return {
    language,
    say: (key, params = {}) => fillText(catalogues[language][key], params),
    row: (sentence) => (language === 'es' ? (rowsEs[sentence] ?? sentence) : sentence),
  }
}
