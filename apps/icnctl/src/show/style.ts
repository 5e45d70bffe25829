/** Signs of emphasis for a terminal. Nothing is ever said by colour alone. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
}

const wrap =
  (open: number, close: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`

const plain = (text: string): string => text

export function styleOf(color: boolean): Style {
  if (!color) return { bold: plain, dim: plain, good: plain, bad: plain, warn: plain }
  return { bold: wrap(1, 22), dim: wrap(2, 22), good: wrap(32, 39), bad: wrap(31, 39), warn: wrap(33, 39) }
}
