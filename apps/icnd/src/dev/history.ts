import { fillTemplate } from '@icn/domain'
import type { Store } from '@icn/journal'
import { newOffsets } from '@icn/node'
import { commonsSpace, dayMs, type Did, deviceScopes, hourMs, inviteKeyOf, inviteLink, inviteSeed, type OperationId, readInviteCode, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Past } from './past.ts'
import { generatedNames, type Person, personNamed } from './people.ts'

export const food = 'coop:food' as SpaceId

export interface DevWorld {
  readonly people: Readonly<Record<'ana' | 'ben' | 'chen' | 'dora' | 'eli', Person>>
  /** Eli’s way in. */
  readonly inviteLink: string
  /** The operation that nobody could use: signed by a phone that had been lost. */
  readonly quarantined: OperationId
}

export async function writeHistory(store: Store, nodeSeed: Uint8Array, until: number, origin: string): Promise<DevWorld> {
  const node = signingKeyFromSeed(nodeSeed)
  const past = new Past(food, store, node, until - 184 * dayMs)
  const people = { ana: personNamed('Ana'), ben: personNamed('Ben'), chen: personNamed('Chen'), dora: personNamed('Dora'), eli: personNamed('Eli') }
  const host = past.journal.node
  await past.journal.propose({
    space: commonsSpace,
    kind: 'commons.found',
    author: host,
    grant: null,
    body: { name: 'development', keepers: [host], stewards: [people.ana.did, people.dora.did], nonce: new Uint8Array(16) },
  })
  const network = past.journal.info(commonsSpace)?.genesis as OperationId
  await foundFood(past, people, host, network)
  await growFood(past, people)
  const quarantined = await lostPhone(past, people.ben)
  const inviteLink = await inviteEli(past, people, network, origin, until)
  past.now = until - hourMs
  await past.journal.checkpoint(food, 0)
  await past.journal.checkpoint(commonsSpace, 0)
  await past.journal.close()
  return { people, inviteLink, quarantined }
}

type People = DevWorld['people']

async function foundFood(past: Past, { ana, ben, chen }: People, host: Did, network: OperationId): Promise<void> {
  const founders = [
    { did: ana.did, name: 'Ana', roles: ['member', 'steward'] },
    { did: ben.did, name: 'Ben', roles: ['member', 'steward'] },
    { did: chen.did, name: 'Chen', roles: ['member', 'treasurer'] },
  ] as const
  const { charter } = fillTemplate('consumer', { network, coop_id: 'food', name: 'Food coop Elmstreet', type: 'consumer', founders })
  const calendar = { time_zone: 'UTC', offsets: newOffsets('UTC', past.now) }
  await past.say(
    ana.did,
    ana.key,
    'coop.found',
    {
      coop_id: 'food',
      name: 'Food coop Elmstreet',
      type: 'consumer',
      template: 'consumer',
      charter,
      host: { did: host, label: 'Elm' },
      calendar,
      nonce: new Uint8Array(16).fill(7),
    },
    { genesis: true },
  )
  for (const person of [ana, ben, chen]) {
    past.later(5 * hourMs)
    await past.signCharter(network, 'food', person)
  }
  past.later(dayMs)
  await past.say(ana.did, ana.key, 'coop.activate', { charter_hash: past.charterHash })
}

/** Members come, change and go: forty are there in the end. */
async function growFood(past: Past, { ana, ben, chen, dora }: People): Promise<void> {
  const hash = past.charterHash
  const admit = async (person: Person, more: object = {}): Promise<void> => {
    await past.say(person.did, person.key, 'coop.member.apply', { charter_hash: hash, name: person.name, statement: `I live around the corner and would like to join.` })
    past.later(8 * hourMs)
    await past.say(ana.did, ana.key, 'coop.member.admit', { did: person.did, roles: ['member'], ...more })
  }
  await admit(dora)
  const members = generatedNames.map(personNamed)
  for (const [index, person] of members.entries()) {
    past.later(3 * dayMs)
    await admit(person, index % 5 === 2 ? { class: 'worker' } : {})
    if (index % 12 === 11) await past.journal.checkpoint(food, hourMs)
  }
  const named = (name: string): Person => members.find((person) => person.name === name) as Person
  past.later(dayMs)
  await past.say(ana.did, ana.key, 'coop.settings.set', {
    changes: [
      { field: 'description', value: 'Bread, vegetables and cheese for forty households.', base: null },
      { field: 'website', value: 'https://food.example', base: null },
    ],
  })
  await past.say(ana.did, ana.key, 'coop.member.suspend', { did: named('Gil').did, code: 'arrears', reason: 'Three orders not collected.', until_at: past.now + 20 * dayMs })
  past.later(4 * dayMs)
  await past.say(ana.did, ana.key, 'coop.member.reinstate', { did: named('Gil').did, note: 'All collected.' })
  await past.say(named('Fay').did, named('Fay').key, 'coop.member.profile', { name: 'Fay of the bakery' })
  await resignAndReturn(past, named('Udo'), ana, hash)
  // One office changes hands with a second person: chen proposes nothing alone.
  const act = await past.say(ana.did, ana.key, 'act.propose', {
    kind: 'coop.member.roles',
    body: { did: named('Mara').did, roles: ['member', 'steward'] },
    note: 'Mara has kept the lists since spring.',
  })
  past.later(dayMs)
  await past.say(ben.did, ben.key, 'act.confirm', { ref: act })
  await past.say(chen.did, chen.key, 'coop.entry.add', {
    import_id: new Uint8Array(16).fill(3),
    batch: 0,
    entries: [
      { number: 101, name: 'Household Nowak', joined_at: past.now - 400 * dayMs, row: 2 },
      { number: 102, name: 'Household Lund', joined_at: past.now - 380 * dayMs, row: 3 },
    ],
  })
}

async function resignAndReturn(past: Past, person: Person, steward: Person, hash: string): Promise<void> {
  await past.say(person.did, person.key, 'coop.member.resign', { reason: 'Moving away.' })
  past.later(5 * dayMs)
  await past.say(person.did, person.key, 'coop.member.apply', { charter_hash: hash, name: person.name, statement: 'The move fell through.' })
  await past.say(steward.did, steward.key, 'coop.member.admit', { did: person.did, roles: ['member'] })
}

/** Ben's phone is lost; whoever found it tries to use it. */
async function lostPhone(past: Past, ben: Person): Promise<OperationId> {
  past.later(2 * dayMs)
  const phone = personNamed('Ben’s phone')
  const grant = await past.say(ben.did, ben.key, 'identity.grant', {
    grantee: phone.did,
    grantee_kind: 'device',
    scopes: [...deviceScopes],
    not_before_at: past.now,
    not_after_at: past.now + 365 * dayMs,
    label: 'Phone',
  })
  await past.say(ben.did, phone.key, 'coop.member.profile', { name: 'Ben of the cheese counter' }, { grant })
  past.later(3 * dayMs)
  await past.say(ben.did, ben.key, 'identity.revoke', { grant, reason: 'lost' })
  past.later(hourMs)
  return past.say(ben.did, phone.key, 'coop.member.profile', { name: 'Ben' }, { grant, refused: true })
}

async function inviteEli(past: Past, { ana }: People, network: OperationId, origin: string, until: number): Promise<string> {
  past.now = Math.max(past.now, until - 2 * dayMs)
  const genesis = past.journal.info(food)?.genesis as OperationId
  const code = readInviteCode('ELEE-DEVN-ETW0-RK00') as string
  await past.say(ana.did, ana.key, 'coop.invite.create', {
    key: inviteKeyOf(inviteSeed(code, 'food', genesis)),
    roles: ['member'],
    name: 'Eli',
    uses: 1,
    expires_at: until + 14 * dayMs,
  })
  return inviteLink({ origin, coop_id: 'food', genesis, network, inviter: ana.did, code })
}
