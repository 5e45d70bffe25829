import type { CommandSpec, Field } from './fields.ts'

/** The table's example of a row, as it is typed. */

function typedValue(field: Field, value: unknown): string {
  switch (field.type) {
    case 'texts':
    case 'integers':
      return (value as readonly unknown[]).join(',')
    case 'document':
      return JSON.stringify(value)
    case 'duration':
      return `${Number(value) / 1_000}s`
    default:
      return String(value)
  }
}

/** For a shell: quoted where it would read more into it. */
const quoted = (word: string): string => (/^[\w.,:/@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

/** Arguments by position, then flags: the words after `icnctl`. */
export function exampleWords(spec: CommandSpec): readonly string[] {
  const { input } = spec.row.example
  const given = (field: Field): boolean => input[field.name] !== undefined
  // After one that is left out, nothing can stand by its position.
  const gap = spec.positionals.findIndex((field) => !given(field))
  const placed = gap < 0 ? spec.positionals : spec.positionals.slice(0, gap)
  const flags = spec.fields.filter((field) => given(field) && !placed.includes(field))
  return [
    ...spec.path,
    ...placed.map((field) => typedValue(field, input[field.name])),
    ...flags.flatMap((field) =>
      field.type === 'boolean' ? [`--${input[field.name] === true ? '' : 'no-'}${field.flag}`] : [`--${field.flag}`, typedValue(field, input[field.name])],
    ),
  ]
}

export const exampleOf = (words: readonly string[]): string => ['icnctl', ...words.map(quoted)].join(' ')
