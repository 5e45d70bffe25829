/** Reading and writing of comma-separated text (RFC 4180), with comma, semicolon or tab. */

export interface CsvTable {
  readonly header: readonly string[]
  /** Cells of each line, with the line's number in the file. */
  readonly rows: readonly { readonly line: number; readonly cells: readonly string[] }[]
}

/** The separator that the first line uses most outside quotes. */
function separatorOf(text: string): string {
  const end = text.search(/[\r\n]/)
  const first = (end === -1 ? text : text.slice(0, end)).replace(/"[^"]*"/g, '')
  const count = (mark: string): number => first.split(mark).length - 1
  return [';', '\t', ','].reduce((best, mark) => (count(mark) > count(best) ? mark : best), ',')
}

/** Undefined when a quote is left open: the rest of the file would be one cell. */
export function readCsv(text: string): CsvTable | undefined {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text
  const separator = separatorOf(source)
  const lines: { line: number; cells: string[] }[] = []
  let cells: string[] = []
  let cell = ''
  let quoted = false
  let line = 1
  let start = 1
  const endLine = (): void => {
    cells.push(cell)
    if (cells.length > 1 || cells[0]?.trim() !== '') lines.push({ line: start, cells })
    cells = []
    cell = ''
  }
  for (let i = 0; i < source.length; i++) {
    const char = source[i] as string
    if (quoted) {
      if (char === '\n') line++
      if (char !== '"') cell += char
      else if (source[i + 1] === '"') {
        cell += '"'
        i++
      } else quoted = false
    } else if (char === '"' && cell.trim() === '') {
      quoted = true
      cell = ''
    } else if (char === separator) {
      cells.push(cell)
      cell = ''
    } else if (char === '\n' || char === '\r') {
      if (char === '\r' && source[i + 1] === '\n') i++
      endLine()
      line++
      start = line
    } else cell += char
  }
  if (quoted) return undefined
  if (cell !== '' || cells.length > 0) endLine()
  const [header, ...rows] = lines
  return { header: (header?.cells ?? []).map((name) => name.trim()), rows: rows.map((row) => ({ line: row.line, cells: row.cells.map((value) => value.trim()) })) }
}

/** One line; cells that a spreadsheet would run as a formula are told to be text. */
export function csvLine(cells: readonly (string | number | null | undefined)[]): string {
  return `${cells.map(csvCell).join(',')}\n`
}

function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) && !/^-?\d+$/.test(value) ? `'${value}` : value
  return /[",;\n\r\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
