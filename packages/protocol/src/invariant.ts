/** We failed: false books are worse than no service. Never catch it to go on. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken'
}

export function invariant(holds: boolean, text: string): asserts holds {
  if (!holds) throw new InvariantBroken(text)
}
