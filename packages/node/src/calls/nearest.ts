/** Edit distance with a bound: anything farther answers the bound plus one. */
function distance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((next[j - 1] as number) + 1, (row[j] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1))
    if (Math.min(...next) > bound) return bound + 1
    row = next
  }
  return row[b.length] as number
}

/** The known name that a mistyped one was probably meant to be. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // Nobody mistypes a hundred characters; the bound keeps a hostile name cheap.
  if (name.length > 100) return undefined
  const bound = Math.max(1, Math.floor(name.length / 3))
  let best: { readonly name: string; readonly far: number } | undefined
  for (const candidate of known) {
    const far = distance(name, candidate, bound)
    if (far <= bound && (best === undefined || far < best.far)) best = { name: candidate, far }
  }
  return best?.name
}
