import type { Charter, CharterDocument, CharterHash, Decides, Did } from '@icn/protocol'
import { CharterSchema, charterHashOf, shippedDecides } from '@icn/protocol'

/** What the laws of a coop's space read of the charter in force: every default filled in. */
export type CharterRules = Omit<Charter, 'preamble' | 'articles' | 'founders' | 'previous'> & { readonly hash: CharterHash }

/** The charter with its defaults, or undefined when the document does not fit the schema. */
export function readCharter(document: CharterDocument): Charter | undefined {
  const parsed = CharterSchema.safeParse(document)
  return parsed.success ? parsed.data : undefined
}

/** The parts that laws read, for the row `coop.rules`. */
export function rulesOf(document: CharterDocument, charter: Charter): CharterRules {
  const { preamble: _preamble, articles: _articles, founders: _founders, previous: _previous, ...rules } = charter
  return { ...rules, hash: charterHashOf(document) }
}

/** Who decides a kind under these rules; kinds of no row are decided by one. */
export function decidesOf(rules: Pick<CharterRules, 'decides'>, kind: string): Decides {
  return rules.decides[kind] ?? (shippedDecides as Readonly<Record<string, Decides>>)[kind] ?? 'one'
}

/** Offices of the charter: steward, treasurer and its own, with how many and how long. */
export interface OfficeRule {
  readonly id: string
  readonly min: number
  readonly max: number
  readonly term_days: number
}

export function officesOf(rules: Pick<CharterRules, 'offices'>): readonly OfficeRule[] {
  const { steward, treasurer, others } = rules.offices
  return [{ id: 'steward', ...steward }, { id: 'treasurer', ...treasurer }, ...others.map((office) => ({ id: office.id, min: 0, max: office.max, term_days: office.term_days }))]
}

export interface FounderOfCharter {
  readonly did: Did
  readonly name: string
  readonly roles: readonly string[]
}

/** Founders as far as a raw document names them; for checks that come before the document is known to be good. */
export function foundersIn(document: CharterDocument): readonly { readonly did: string; readonly roles: readonly string[] }[] {
  const list = document['founders']
  if (!Array.isArray(list)) return []
  return list.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null) return []
    const { did, roles } = item as { did?: unknown; roles?: unknown }
    if (typeof did !== 'string') return []
    return [{ did, roles: Array.isArray(roles) ? roles.filter((role): role is string => typeof role === 'string') : ['member'] }]
  })
}

/** A number inside a raw document, undefined when it is not there. */
export function numberIn(document: CharterDocument, section: string, field: string): number | undefined {
  const part = document[section]
  if (typeof part !== 'object' || part === null) return undefined
  const value = (part as Record<string, unknown>)[field]
  return typeof value === 'number' ? value : undefined
}
