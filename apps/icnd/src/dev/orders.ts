import type { Did } from '@icn/protocol'

/** What the development network and the processes of its nodes say to each other. */

export interface NodePlan {
  readonly flags: Readonly<Record<string, string>>
  readonly passphraseFile: string
  /** Its clock runs so much ahead of the machine's [ms]. */
  readonly offsetMs: number
  readonly delayMs: number
  readonly isDiskFull: boolean
  readonly blocked: readonly Did[]
}

export type NodeOrder =
  | { readonly do: 'clock'; readonly number: number; readonly offsetMs: number }
  | { readonly do: 'block'; readonly number: number; readonly peers: readonly Did[] }
  | { readonly do: 'slow'; readonly number: number; readonly delayMs: number }
  | { readonly do: 'disk'; readonly number: number; readonly isFull: boolean }
  | { readonly do: 'stop' }

export interface NodeDoors {
  readonly did: Did
  readonly gateway: string
  readonly rpc: string
  readonly metrics: string
  readonly token: string
}

export type NodeAnswer = { readonly ready: NodeDoors } | { readonly done: number } | { readonly fatal: string } | { readonly stopped: readonly string[] }
