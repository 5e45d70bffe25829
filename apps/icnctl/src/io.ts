import { confirm, isCancel, select, text } from '@clack/prompts'
import type { Secret } from '@icn/protocol'
import { askAt } from '@icn/protocol/node'
import { Interrupted } from './problems.ts'

/** The streams of this run. Answers go to stdout, everything else to stderr. */
export interface Io {
  out(text: string): void
  note(text: string): void
  /** Someone sits at a terminal and may be asked. */
  readonly interactive: boolean
  /** stdout is a terminal. */
  readonly terminal: boolean
  /** Columns of the terminal. */
  readonly columns: number
  askText(question: string, initial?: string): Promise<string>
  askYes(question: string): Promise<boolean>
  askOne<T extends string>(question: string, choices: readonly { readonly value: T; readonly label: string }[]): Promise<T>
  /** Without echo; undefined where nobody can be asked. */
  readonly askSecret: ((prompt: string) => Promise<Secret>) | undefined
}

/** `-y` asks nothing. */
export function openIo(asksNothing: () => boolean): Io {
  const ask = askAt(process.stdin, process.stderr)
  const answer = <T>(value: T | symbol): T => {
    if (isCancel(value)) throw new Interrupted()
    return value as T
  }
  const to = { output: process.stderr } as const
  return {
    out: (content) => void process.stdout.write(content.endsWith('\n') ? content : `${content}\n`),
    note: (content) => void process.stderr.write(content.endsWith('\n') ? content : `${content}\n`),
    get interactive() {
      return process.stdin.isTTY === true && process.stderr.isTTY === true && !asksNothing()
    },
    terminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 120,
    async askText(message, initial) {
      return answer<string>(await text({ message, ...to, ...(initial === undefined ? {} : { initialValue: initial }) }))
    },
    askYes: async (message) => answer<boolean>(await confirm({ message, initialValue: false, ...to })),
    async askOne(message, choices) {
      return answer<string>(await select<string>({ message, options: [...choices], ...to })) as (typeof choices)[number]['value']
    },
    askSecret: ask,
  }
}
