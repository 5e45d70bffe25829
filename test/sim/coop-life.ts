import { actsOf, coopTable, dueItems, lastCheckpoint, listConflicts, listHosts, listInvites, listMembers, listReviews, memberAt } from '@icn/domain'
import type { WriteResult } from '@icn/journal'
import { commonsSpace, dayMs, type Facts, type MemberStatus, type OperationId, redeemStatementPayload, statementBytes } from '@icn/protocol'
import { type CoopWorld, food } from './coop-world.ts'
import type { Person } from './person.ts'
import type { SimNode } from './world.ts'

/** What people of a cooperative and their nodes do, lawful or not, each at a node that knows only its own side. */

interface Scene {
  readonly world: CoopWorld
  readonly node: SimNode
  readonly facts: Facts
  /** Somebody whose case it is, and somebody who does it. */
  readonly other: Person
  readonly who: Person
  /** Wall clock of the node [ms]. */
  readonly at: number
}

type Deed = (scene: Scene) => unknown

const flip = ({ world }: Scene): boolean => world.chance.chance(0.5)
const act = ({ node, who }: Scene, kind: string, body: unknown) => who.act(food, kind, body, { node })
/** By the person concerned. */
const own = ({ node, other }: Scene, kind: string, body: unknown) => other.act(food, kind, body, { node })
const together = (scene: Scene, kind: string, body: unknown) => act(scene, 'act.propose', { kind, body })
const pickOf = <T>({ world }: Scene, items: readonly T[]): T | undefined => (items.length === 0 ? undefined : world.chance.pick(items))

function removal(scene: Scene, immediate: boolean) {
  const seen = lastCheckpoint(scene.facts)?.id
  const cut_seen = seen !== undefined && flip(scene) ? { cut_seen: seen } : {}
  return together(scene, 'coop.member.remove', {
    did: scene.other.did,
    code: immediate ? 'fraud' : 'conduct',
    reason: 'x',
    ban: scene.world.chance.chance(0.2),
    immediate,
    ...cut_seen,
  })
}

function redeem(scene: Scene) {
  const { world, other } = scene
  const invite = pickOf(
    scene,
    listInvites(scene.facts).filter(({ used, uses }) => used.length < uses),
  )
  const code = invite === undefined ? undefined : world.codeOf(invite.key)
  if (invite === undefined || code === undefined) return undefined
  const payload = redeemStatementPayload({ network: world.networkGenesis.id, space: food, invite: invite.ref, did: other.did })
  const statement = { did: other.did, key: invite.key, signature: code.key.sign(statementBytes('redeem', payload)) }
  return own(scene, 'coop.invite.redeem', { ref: invite.ref, statement, charter_hash: world.charterHash, name: other.name })
}

function settleConflict(scene: Scene) {
  const conflict = pickOf(
    scene,
    listConflicts(scene.facts).filter(({ state }) => state === 'open'),
  )
  return conflict && act(scene, 'coop.conflict.settle', { ref: conflict.op, field: conflict.field, keep: flip(scene) ? 'winner' : 'loser' })
}

function set(scene: Scene) {
  const { world } = scene
  const field = world.chance.pick(['description', 'website', 'language'])
  const value = { description: `text ${world.chance.below(9)}`, website: `https://a${world.chance.below(9)}.example`, language: flip(scene) ? 'es' : 'en' }[field] as string
  return act(scene, 'coop.settings.set', { changes: [{ field, value, base: null }] })
}

function sweep({ node, facts, at, world }: Scene): void {
  const items = dueItems(facts, at)
  if (items.length > 0 && world.nodeOf(node.did) !== undefined) node.propose(food, 'coop.sweep', { items: items.slice(0, 100) })
}

/** Another node, that may or may not be a host already. */
const anyNode = ({ world, node }: Scene): SimNode => world.chance.pick(world.nodes.filter((other) => other !== node))

function addHost(scene: Scene) {
  const absent = scene.world.nodes.filter(({ did }) => !listHosts(scene.facts).some((host) => host.did === did && (host.status === 'active' || host.status === 'invited')))
  const node = pickOf(scene, absent)
  return node && together(scene, 'coop.host.add', { did: node.did, label: 'again' })
}

function joinAgain({ world, facts, node }: Scene): void {
  for (const { did, status } of listHosts(facts)) {
    const invited = status === 'invited' ? world.nodeOf(did) : undefined
    if (invited !== undefined && invited !== node) world.join(invited, node)
  }
}

/** The author, or a steward, looks at what was displaced and says what becomes of it. */
async function quarantine(scene: Scene): Promise<WriteResult | undefined> {
  const { node, who } = scene
  const entry = pickOf(scene, node.journal.quarantine(food, { limit: 20 }))
  if (entry === undefined) return undefined
  const { id, envelope } = entry.operation
  const author = scene.world.personOf(envelope.author)
  const again = author !== undefined && flip(scene) ? await author.act(food, envelope.kind, entry.body, { node }) : undefined
  const reissue = again?.operation?.operation.id
  return who.act(
    food,
    'space.review',
    { operation: id, verdict: reissue === undefined ? 'dismissed' : 'reissued', note: 'seen', ...(reissue === undefined ? {} : { reissue }) },
    { node },
  )
}

function grantNode({ world, who, node, at }: Scene) {
  const grant = {
    grantee: node.did,
    grantee_kind: 'node',
    scopes: ['coop.member.*', 'coop.invite.*', 'act.*'],
    not_before_at: at - 1_000,
    not_after_at: at + 20 * dayMs,
    label: 'home',
  }
  return who.act(food, 'identity.grant', world.chance.chance(0.1) ? { ...grant, scopes: ['act.*'] } : grant, { node })
}

function trust({ node, other, at, world }: Scene): void {
  node.propose(commonsSpace, 'trust.edge.set', { subject: other.did, graph: 'social', weight: world.chance.below(1_001), expires_at: at + 90 * dayMs })
}

/** Mostly about somebody of such a standing, so that most deeds do something; now and then about anybody. */
const about =
  (statuses: readonly (MemberStatus | 'none')[], deed: Deed): Deed =>
  (scene) => {
    const fitting = scene.world.people.filter(({ did }) => statuses.includes(memberAt(scene.facts, did, scene.at)?.status ?? 'none'))
    const other = scene.world.chance.chance(0.85) ? pickOf(scene, fitting) : undefined
    return deed(other === undefined ? scene : { ...scene, other })
  }

const outside = ['none', 'resigned', 'removed', 'declined'] as const
const inside = ['active', 'provisional'] as const

/** How often, and what. */
const deeds: readonly (readonly [weight: number, deed: Deed])[] = [
  [4, about(outside, (s) => own(s, 'coop.member.apply', { charter_hash: s.world.charterHash, name: s.other.name }))],
  [5, about(['applied', ...outside], (s) => act(s, 'coop.member.admit', { did: s.other.did, roles: [s.world.chance.chance(0.8) ? 'member' : 'observer'] }))],
  [4, about(['invited'], (s) => own(s, 'coop.member.accept', { charter_hash: s.world.charterHash }))],
  [1, about(['applied'], (s) => act(s, 'coop.member.decline', { did: s.other.did, reason: 'full' }))],
  [2, about(['provisional'], (s) => act(s, 'coop.member.confirm', { did: s.other.did }))],
  [2, (s) => act(s, 'coop.member.suspend', { did: s.other.did, code: 'conduct', reason: 'x', until_at: s.at + (1 + s.world.chance.below(20)) * dayMs })],
  [3, about(inside, (s) => together(s, 'coop.member.suspend', { did: s.other.did, code: 'conduct', reason: 'x' }))],
  [3, about(['suspended'], (s) => act(s, 'coop.member.reinstate', { did: s.other.did }))],
  [9, about(inside, (s) => removal(s, true))],
  [4, about(inside, (s) => removal(s, false))],
  [2, about(['banned'], (s) => together(s, 'coop.member.unban', { did: s.other.did, reason: 'x' }))],
  [3, (s) => act(s, 'coop.member.resign', {})],
  [1, (s) => own(s, 'coop.member.stay', {})],
  [12, about(['active'], (s) => together(s, 'coop.member.roles', { did: s.other.did, roles: flip(s) ? ['member', 'steward'] : ['member'] }))],
  [2, (s) => act(s, 'coop.member.roles', { did: flip(s) ? s.who.did : s.other.did, roles: flip(s) ? ['member'] : ['member', 'facilitator'] })],
  [6, (s) => act(s, 'coop.invite.create', { key: s.world.inviteKey().did, roles: ['member'], uses: 1 + s.world.chance.below(2), expires_at: s.at + 10 * dayMs })],
  [6, redeem],
  [1, (s) => pickOf(s, listInvites(s.facts)) && act(s, 'coop.invite.cancel', { ref: pickOf(s, listInvites(s.facts))?.ref as OperationId })],
  [
    4,
    (s) =>
      listReviews(s.facts).some(({ state }) => state === 'open')
        ? act(s, 'coop.review.settle', { ref: listReviews(s.facts).find(({ state }) => state === 'open')?.op as OperationId, verdict: flip(s) ? 'confirmed' : 'undone' })
        : undefined,
  ],
  [4, addHost],
  [4, joinAgain],
  [2, (s) => together(s, 'coop.host.remove', { did: anyNode(s).did, reason: 'x' })],
  [1, (s) => act(s, 'coop.member.place', { did: s.other.did, number: 1 + s.world.chance.below(40) })],
  [4, set],
  [1, settleConflict],
  [1, sweep],
  [22, confirm],
  [1, (s) => withActs(s, (ref) => act(s, 'act.withdraw', { ref }))],
  [4, quarantine],
  [2, grantNode],
  [5, bySigningNode],
  [2, trust],

  [1, (s) => together(s, 'coop.suspend', { reason: 'x' })],
  [3, (s) => (s.facts.get(coopTable, [])?.status === 'suspended' ? together(s, 'coop.resume', {}) : undefined)],
]

function withActs(scene: Scene, run: (ref: OperationId) => ReturnType<typeof act>) {
  const open = pickOf(scene, actsOf(scene.facts, { state: 'open', limit: 50 }, scene.at))
  return open && run(open.id)
}

function confirm(scene: Scene) {
  const open = pickOf(scene, actsOf(scene.facts, { state: 'open', limit: 50 }, scene.at))
  if (open === undefined) return undefined
  const { proposer, subject } = open.row
  const stewards = stewardsAt(scene.world, scene.facts, scene.at).filter(({ did }) => did !== proposer && did !== subject)
  return act({ ...scene, who: pickOf(scene, stewards) ?? scene.who }, 'act.confirm', { ref: open.id })
}

/** A node says something for a person who has allowed it to. */
function bySigningNode({ node, who, other, world, facts }: Scene): void {
  const grant = world.grantOf(facts, who.did, node.did)
  if (grant === undefined) return
  const body = world.chance.chance(0.5) ? { did: other.did, roles: ['member'] } : undefined
  node.propose(food, body === undefined ? 'act.propose' : 'coop.member.admit', body ?? { kind: 'coop.member.roles', body: { did: other.did, roles: ['member', 'steward'] } }, {
    author: who.did,
    grant,
  })
}

const total = deeds.reduce((sum, [weight]) => sum + weight, 0)

const stewardsAt = (world: CoopWorld, facts: Facts, at: number): readonly Person[] =>
  listMembers(facts, { role: 'steward', status: ['active'] }, at).flatMap(({ did }) => world.personOf(did) ?? [])

/** Stewards come up more often than others, so that most steps do something. */
function pickWho(world: CoopWorld, facts: Facts, at: number): Person {
  const [steward] = world.chance.shuffle(stewardsAt(world, facts, at))
  return steward !== undefined && world.chance.chance(0.75) ? steward : world.chance.pick(world.people)
}

/** One deed of somebody somewhere. */
export async function live(world: CoopWorld): Promise<void> {
  const open = world.alive.filter((node) => world.hostsAt(node).includes(node.did))
  if (open.length === 0) return
  const node = world.chance.pick(open)
  const facts = world.facts(node) as Facts
  const at = world.time.now() + node.skewMs
  const who = pickWho(world, facts, at)
  const other = world.chance.pick(world.people)
  const scene: Scene = { world, node, facts, who, other, at }
  let left = world.chance.below(total)
  for (const [weight, deed] of deeds) {
    left -= weight
    if (left >= 0) continue
    await deed(scene)
    return
  }
}

/** A key that is in two places at once: the person's device was copied, and both sign on. */
export async function fork(world: CoopWorld): Promise<void> {
  const node = world.chance.pick(world.alive)
  if (world.facts(node) === undefined) return
  const person = world.chance.pick(world.people)
  const value = `forked ${world.chance.below(1_000_000)}`
  await person.act(food, 'coop.member.profile', { name: value }, { node, careless: true })
}
