import type { CoopWorld } from '../coop-world.ts'

/** One thing that must hold in every world. A checker is made for one world and may keep notes of it. */
export interface Checker {
  readonly name: string
  /** After each step, while nodes are apart. */
  step?(): void
  /** When everybody who may meet has met. */
  end?(): void | Promise<void>
}

export type CheckerOf = (world: CoopWorld) => Checker

/** What was found broken, and by whom. */
export class Broken extends Error {
  override readonly name = 'Broken'
  readonly checker: string

  constructor(checker: string, text: string) {
    super(`${checker}: ${text}`)
    this.checker = checker
  }
}
