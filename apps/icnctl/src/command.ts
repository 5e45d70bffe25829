import type { MethodName } from '@icn/protocol'
import type { Context } from './context.ts'

/** A command that does more than one row, or nothing at a node at all. */
export interface LocalCommand {
  /** Noun and verb. */
  readonly path: string
  /** The row behind it, for help; absent: only of this program. */
  readonly method?: MethodName
  /** In English, as the table's sentences are; Spanish stands in the catalogue. Absent: the row's. */
  readonly says?: string
  readonly args?: readonly LocalArgument[]
  readonly flags?: readonly LocalFlag[]
  /** As it is typed. */
  readonly example?: string
  run(context: Context, given: Given): Promise<number>
}

export interface LocalArgument {
  readonly name: string
  readonly says: string
  readonly required?: boolean
  readonly many?: boolean
}

export interface LocalFlag {
  /** As commander reads it: `--name <name>`, `--paper`. */
  readonly flags: string
  readonly says: string
  /** May stand several times. */
  readonly many?: boolean
}

/** What was typed. */
export class Given {
  readonly args: readonly string[]
  readonly #options: Readonly<Record<string, unknown>>

  constructor(args: readonly string[], options: Readonly<Record<string, unknown>>) {
    this.args = args
    this.#options = options
  }

  text(name: string): string | undefined {
    const value = this.#options[name]
    return typeof value === 'string' ? value : Array.isArray(value) ? String(value.at(-1)) : undefined
  }

  texts(name: string): readonly string[] {
    const value = this.#options[name]
    return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
  }

  flag(name: string): boolean {
    return this.#options[name] === true
  }
}
