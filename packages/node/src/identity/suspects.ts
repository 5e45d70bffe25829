import { grantById } from '@icn/domain'
import type { JournalApi, PlacedOperation } from '@icn/journal'
import type { OperationId, SpaceId } from '@icn/protocol'

/** Looked at for one answer. Larger: a slow call; smaller: a long theft is not seen whole. */
const lookedAtMax = 10_000

/**
 * What a revoked key signed before its revocation in the order, but after the last number its owner knows to be honest: applied, because nobody
 * knew better at that place, and shown to the owner and to stewards, who may undo it by ordinary acts (identity page §9). Oldest first.
 */
export function suspectsOf(journal: JournalApi, space: SpaceId, grant: OperationId): readonly PlacedOperation[] {
  const facts = journal.read(space)
  const found = facts === undefined ? undefined : grantById(facts, grant)
  const revoked = found?.row.revoked
  if (found === undefined || revoked?.known_seq === undefined) return []
  const known = revoked.known_seq
  return journal
    .operations(space, { author: found.author, status: 'applied', since: found.row.made_at, until: revoked.at, limit: lookedAtMax })
    .filter(({ operation: { envelope } }) => envelope.signer === found.row.grantee && envelope.seq > known)
}
