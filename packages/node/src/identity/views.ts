import type { ActView as ActRowView, DidResolution, GrantView as DomainGrant, SpaceProfile } from '@icn/domain'
import { actState, commonsProfile, coopProfile, grantState } from '@icn/domain'
import type { SpaceInfo } from '@icn/journal'
import type { ActView, Did, DidDocument, Facts, GrantView, SpaceId } from '@icn/protocol'
import { commonsSpace, timeText } from '@icn/protocol'

/** Rows of identity and acts as the doors show them. */

export const profileOf = (space: SpaceId): SpaceProfile => (space === commonsSpace ? commonsProfile : coopProfile)

export function grantView(space: SpaceId, { id, author, row }: DomainGrant, now: number): GrantView {
  return {
    grant_id: id,
    space,
    author,
    grantee: row.grantee,
    grantee_kind: row.grantee_kind,
    scopes: [...row.scopes],
    not_before_at: timeText(row.not_before_at),
    not_after_at: timeText(row.not_after_at),
    max_amount: row.max_amount ?? null,
    label: row.label,
    parent: row.parent ?? null,
    made_at: timeText(row.made_at),
    state: grantState(row, now),
    revoked: row.revoked === undefined ? null : { at: timeText(row.revoked.at), by: row.revoked.by, reason: row.revoked.reason },
  }
}

/** Would the law let this person confirm it now, as far as persons are concerned? */
export function mayConfirm(facts: Facts, space: SpaceId, { row }: ActRowView, did: Did, now: number): boolean {
  if (actState(row, now) !== 'open' || row.proposer === did || row.subject === did || row.confirmed.some((one) => one.did === did)) return false
  const rule = profileOf(space).actRule(facts, { kind: row.kind, body: row.body, proposer: row.proposer, at: now })
  return rule?.eligible(did).every((check) => check.result !== 'fail') === true
}

export function actView(facts: Facts, space: SpaceId, act: ActRowView, did: Did | undefined, now: number): ActView {
  const { id, row } = act
  return {
    act_id: id,
    space,
    kind: row.kind,
    body: row.body as Record<string, unknown>,
    note: row.note ?? null,
    subject: row.subject ?? null,
    proposer: row.proposer,
    proposed_at: timeText(row.proposed_at),
    need: row.need,
    waived: row.waived === true,
    // Who proposes it stands for it first.
    confirmed: [{ did: row.proposer, at: row.proposed_at }, ...row.confirmed].map((one) => ({ did: one.did, at: timeText(one.at) })),
    state: actState(row, now),
    expires_at: timeText(row.expires_at),
    done_op: row.done_op ?? null,
    you_may_confirm: did !== undefined && mayConfirm(facts, space, act, did, now),
  }
}

export function documentView({ document, metadata }: DidResolution, info: SpaceInfo | undefined, now: number): DidDocument {
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : timeText(ms))
  return {
    '@context': [...document['@context']],
    id: document.id,
    verificationMethod: document.verificationMethod.map((method) => ({ ...method })),
    authentication: [...document.authentication],
    assertionMethod: [...document.assertionMethod],
    capabilityInvocation: [...document.capabilityInvocation],
    metadata: {
      created_at: time(metadata.created_at),
      updated_at: time(metadata.updated_at),
      version_id: metadata.version_id ?? null,
      deactivated: metadata.deactivated,
      icn: { known: metadata.known, state: metadata.state, as_of: timeText(info?.head?.at[0] ?? now), final: info !== undefined && info.unfinal === 0 },
    },
  }
}
