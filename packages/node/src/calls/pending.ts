import type { Did } from '@icn/protocol'
import { toHex } from '@icn/protocol'
import type { WritePlan } from './call.ts'

/** What a draft was drafted for, so that its submission answers like the row it came from. */
export interface PendingDraft {
  readonly plan: WritePlan
  /** Set when the draft proposes an act in the place of what the plan says. */
  readonly asAct: boolean
  readonly idempotency?: { readonly key: string; readonly input: Uint8Array }
  readonly ifMatch?: readonly string[]
  readonly unchanged?: string
  readonly expiresAt: number
}

/** Larger: memory for people who never sign; smaller: a slow signer gets an answer without its value. */
const pendingMax = 10_000

/** author, kind, body hash → what was meant; bounded, oldest goes. Losing one loses only the value in an answer. */
export class PendingDrafts {
  readonly #drafts = new Map<string, PendingDraft>()

  put(draft: { readonly author: Did; readonly kind: string; readonly bodyHash: Uint8Array }, pending: PendingDraft): void {
    const key = keyOf(draft)
    this.#drafts.delete(key)
    if (this.#drafts.size >= pendingMax) this.#drafts.delete(this.#drafts.keys().next().value as string)
    this.#drafts.set(key, pending)
  }

  find(draft: { readonly author: Did; readonly kind: string; readonly bodyHash: Uint8Array }, now: number): PendingDraft | undefined {
    const pending = this.#drafts.get(keyOf(draft))
    return pending === undefined || pending.expiresAt < now ? undefined : pending
  }
}

const keyOf = (draft: { readonly author: Did; readonly kind: string; readonly bodyHash: Uint8Array }): string => `${draft.author} ${draft.kind} ${toHex(draft.bodyHash)}`
