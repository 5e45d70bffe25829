import type { GrantState } from '@icn/domain'
import { grantsBy, grantState } from '@icn/domain'
import type { DeviceView, Did, Facts } from '@icn/protocol'
import { dayMs, deviceScopes, timeText } from '@icn/protocol'
import type { Call, Handlers, WritePlan, WritePlans } from '../calls/index.ts'
import { callerDid, refuse } from '../calls/index.ts'
import { pageBy } from './grants.ts'
import type { IdentityParts } from './parts.ts'
import type { HeldIn } from './spaces.ts'
import { chosenSpaces, spaceResults, spacesOf } from './spaces.ts'

export type DeviceMethods = 'device.list' | 'device.add' | 'device.approve' | 'device.revoke'
export type KeyMethods = 'identity.rotate' | 'identity.freeze'

type SpaceResultsValue = ReturnType<typeof spaceResults>

/** From worst to best. */
const order: readonly GrantState[] = ['revoked', 'expired', 'pending', 'live']
const better = (a: GrantState, b: GrantState): GrantState => (order.indexOf(a) > order.indexOf(b) ? a : b)

/** One operation of the caller in each space; the value says what became of each. */
function inEach(call: Call, spaces: readonly HeldIn[], kind: string, body: (held: HeldIn) => unknown): WritePlans<SpaceResultsValue> {
  const plan = (held: HeldIn): WritePlan => ({ space: held.space, kind, author: callerDid(call), body: body(held), view: (_: Facts, placed) => placed?.operation.id ?? null })
  return { each: spaces.map(plan), value: spaceResults }
}

interface Device {
  readonly did: Did
  readonly label: string
  readonly madeAt: number
  readonly state: GrantState
  readonly spaces: DeviceView['spaces']
}

/** Device grants joined over spaces, oldest device first; in each space the grant that lasts longest. */
function devicesIn(held: readonly HeldIn[], did: Did, now: number): readonly Device[] {
  const found = new Map<Did, { label: string; labelAt: number; madeAt: number; spaces: Map<string, DeviceView['spaces'][number] & { until: number }> }>()
  for (const { space, facts } of held) {
    for (const { id, row } of grantsBy(facts, did)) {
      if (row.grantee_kind !== 'device') continue
      const device = found.get(row.grantee) ?? { label: row.label, labelAt: row.made_at, madeAt: row.made_at, spaces: new Map() }
      found.set(row.grantee, device)
      if (row.made_at >= device.labelAt) Object.assign(device, { label: row.label, labelAt: row.made_at })
      device.madeAt = Math.min(device.madeAt, row.made_at)
      const one = { space, grant_id: id, state: grantState(row, now), not_after_at: timeText(row.not_after_at), until: row.not_after_at }
      const before = device.spaces.get(space)
      const isBetter = before === undefined || (before.state === one.state ? one.until > before.until : better(before.state, one.state) === one.state)
      if (isBetter) device.spaces.set(space, one)
    }
  }
  return [...found]
    .map(([device, { label, madeAt, spaces }]) => {
      const places = [...spaces.values()].map(({ until: _, ...place }) => place)
      return { did: device, label, madeAt, state: places.map(({ state }) => state).reduce(better), spaces: places }
    })
    .sort((a, b) => a.madeAt - b.madeAt || (a.did < b.did ? -1 : 1))
}

export function deviceHandlers(parts: IdentityParts): Handlers<DeviceMethods> {
  const allow = (call: Call, spaces: readonly HeldIn[], device: { readonly grantee: Did; readonly label: string; readonly days: number }): WritePlans<SpaceResultsValue> => {
    const now = parts.now()
    return inEach(call, spaces, 'identity.grant', () => ({
      grantee: device.grantee,
      grantee_kind: 'device',
      scopes: deviceScopes,
      not_before_at: now,
      not_after_at: now + device.days * dayMs,
      label: device.label,
    }))
  }
  return {
    'device.list': (call, journal) => {
      const did = callerDid(call)
      const held = spacesOf(journal, did)
      const { items, next } = pageBy(devicesIn(held, did, parts.now()), call, (device) => device.did)
      const view = (device: Device): DeviceView => {
        const used = parts.usedAt?.(did, device.did)
        const live = new Set(device.spaces.filter(({ state }) => state === 'live').map(({ space }) => space))
        return {
          did: device.did,
          label: device.label,
          state: device.state,
          spaces: device.spaces,
          missing_in: held.map(({ space }) => space).filter((space) => !live.has(space)),
          used_at: used === undefined ? null : timeText(used),
          this_device: call.caller.signer === device.did,
        }
      }
      return { items: items.map(view), next }
    },
    'device.add': (call, journal) => {
      const { grantee, label, days, spaces } = call.input
      const chosen = chosenSpaces(journal, callerDid(call), spaces)
      // Nowhere to write it down yet: a person of no space has no place for a device.
      if (chosen.length === 0) throw refuse('NO_STANDING', { standing: 'none' })
      return allow(call, chosen, { grantee, label, days })
    },
    'device.approve': (call, journal) => {
      const did = callerDid(call)
      const { did: grantee, days, spaces } = call.input
      const known = devicesIn(spacesOf(journal, did), did, parts.now()).find((device) => device.did === grantee)
      if (known === undefined) throw refuse('GRANT_UNKNOWN')
      const missing = chosenSpaces(journal, did, spaces).filter(({ space }) => !known.spaces.some((place) => place.space === space && place.state === 'live'))
      if (missing.length === 0) return { nothing: true, value: { spaces: [] } }
      return allow(call, missing, { grantee, label: known.label, days })
    },
    'device.revoke': (call, journal) => {
      const did = callerDid(call)
      const { did: grantee, reason, known_seq, spaces } = call.input
      const chosen = chosenSpaces(journal, did, spaces)
      const known = devicesIn(chosen, did, parts.now()).find((device) => device.did === grantee)
      if (known === undefined) throw refuse('GRANT_UNKNOWN')
      const holding = chosen.filter(({ space }) => known.spaces.some((place) => place.space === space && (place.state === 'live' || place.state === 'pending')))
      if (holding.length === 0)
        return { nothing: true, value: { spaces: known.spaces.map(({ space }) => ({ space, outcome: 'already_done' as const, operation: null, code: 'ALREADY_REVOKED' })) } }
      return inEach(call, holding, 'identity.revoke', () => ({ grantee, reason, ...(known_seq === undefined ? {} : { known_seq }) }))
    },
  }
}

/** What changes a person's root in every space; only the person's own keys can sign it. */
export function keyHandlers(): Handlers<KeyMethods> {
  return {
    'identity.rotate': (call, journal) => {
      const did = callerDid(call)
      const { new_key, proofs, reason, keep_grants } = call.input
      const bySpace = new Map(proofs.map((proof) => [proof.space, proof]))
      const spaces = chosenSpaces(
        journal,
        did,
        proofs.map(({ space }) => space),
      )
      return inEach(call, spaces, 'identity.rotate', ({ space }) => {
        const proof = bySpace.get(space)
        return { new_key, proof: { did, key: new_key, old_key: proof?.old_key, signature: proof?.signature }, reason, keep_grants }
      })
    },
    'identity.freeze': (call, journal) => {
      const { reason, final, spaces } = call.input
      const chosen = chosenSpaces(journal, callerDid(call), spaces)
      if (chosen.length === 0) throw refuse('NO_STANDING', { standing: 'none' })
      return inEach(call, chosen, 'identity.freeze', () => ({ reason, final }))
    },
  }
}
