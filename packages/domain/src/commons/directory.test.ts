import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  charterStatementPayload,
  cidOf,
  dayMs,
  type Did,
  didOfKey,
  encodeCanonical,
  hourMs,
  type OperationId,
  reservationMs,
  type SpaceId,
  statementBytes,
  viaPerDay,
} from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, LawRunner } from '@icn/testkit'
import { charterHashOf, fillTemplate } from '../charter/index.ts'
import { commonsRules } from '../rules.ts'
import { checkCommons, commonsProfile, directory, dueInCommons, publishedCharters } from './index.ts'

const keyOf = (seed: number): SigningKey => signingKeyFromSeed(new Uint8Array(32).fill(seed))
const didOf = (seed: number): Did => didOfKey(keyOf(seed).publicKey)
const [node, steward, ada, ben, cora, host] = [1, 2, 3, 4, 5, 6].map(didOf) as [Did, Did, Did, Did, Did, Did]
const people = new Map([ada, ben, cora].map((did, i) => [did, keyOf(3 + i)]))
const genesisOf = (name: string): OperationId => cidOf(encodeCanonical(name)) as OperationId
const food = genesisOf('food')

function begin(): LawRunner {
  const run = new LawRunner([...commonsRules.laws.values()], 'commons' as SpaceId)
  run.must('commons.found', node, { name: 'Home', keepers: [node], stewards: [steward], nonce: new Uint8Array(16) })
  return run
}

const signature = new Uint8Array(64)
const via = (run: LawRunner, by: Did = node, lifeMs = hourMs / 2) => ({ did: by, key: by, signature, expires_at: run.at[0] + lifeMs })
const reserve = (run: LawRunner, author: Did, more: object = {}) =>
  run.run('commons.coop.reserve', author, { coop_id: 'food', genesis: food, name: 'Food coop', type: 'consumer', via: via(run), ...more })

const charter = fillTemplate('consumer', {
  network: genesisOf('network'),
  coop_id: 'food',
  name: 'Food coop',
  type: 'consumer',
  founders: [
    { did: ada, name: 'Ada', roles: ['member', 'steward'] },
    { did: ben, name: 'Ben', roles: ['member'] },
  ],
}).charter
const hash = charterHashOf(charter)

const signed = (...dids: readonly Did[]) =>
  dids.map((did) => {
    const payload = charterStatementPayload({ network: genesisOf('network'), space: 'coop:food', hash, coop_id: 'food', version: 1 })
    return { did, key: did, signature: (people.get(did) as SigningKey).sign(statementBytes('charter', payload)) }
  })
const entry = (more: object = {}) => ({
  coop_id: 'food',
  genesis: food,
  name: 'Food coop',
  type: 'consumer',
  charter_hash: hash,
  signatures: signed(ada, ben),
  controllers: [ada, ben],
  threshold: 2,
  hosts: [{ did: host, addresses: [] }],
  ...more,
})

function listed(): LawRunner {
  const run = begin()
  assert.deepEqual(reserve(run, ada).codes, [])
  run.must('commons.coop.register', ada, entry({ charter }))
  return run
}

const update = (run: LawRunner, author: Did, version: number, changes: object, more: object = {}) =>
  run.run('commons.coop.update', author, { coop_id: 'food', genesis: food, version, changes, statements: [], ...more })

test('the first to reserve an id has it; who comes later is told, the same coop is done already', () => {
  const run = begin()
  assert.deepEqual(reserve(run, ada).codes, [])
  assert.deepEqual(reserve(run, ada).codes, ['ALREADY_RESERVED'])
  assert.deepEqual(reserve(run, ben, { genesis: genesisOf('another') }).codes, ['ID_TAKEN'])
  assert.deepEqual(reserve(run, ben, { coop_id: 'Food!', genesis: genesisOf('x') }).codes, ['COOP_ID_INVALID'])
  assert.equal(commonsProfile.standing(run.tables, ada), 'invited')
  run.wait(reservationMs)
  assert.deepEqual(reserve(run, ben, { genesis: genesisOf('another') }).codes, [])
  assert.equal(commonsProfile.standing(run.tables, ada), 'none')
  assert.deepEqual(checkCommons(run.tables), [])
})

test('strangers come in by a node that everybody knows, lately, so many a day; stewards and nodes by themselves', () => {
  const run = begin()
  const other = (i: number) => ({ coop_id: `coop-${i}`, genesis: genesisOf(String(i)) })
  assert.deepEqual(reserve(run, ada, { via: undefined }).codes, ['VIA_REQUIRED'])
  assert.deepEqual(reserve(run, ada, { via: via(run, ben) }).codes, ['VIA_REQUIRED'])
  assert.deepEqual(reserve(run, ada, { via: via(run, node, 0) }).codes, ['VIA_REQUIRED'])
  assert.deepEqual(reserve(run, ada, { via: via(run, node, 2 * hourMs) }).codes, ['VIA_REQUIRED'])
  assert.deepEqual(reserve(run, ada, { via: { ...via(run), key: ben } }).codes, ['STATEMENT_KEY'])
  assert.deepEqual(reserve(run, steward, { via: undefined, ...other(0) }).codes, [])
  for (let i = 1; i <= viaPerDay; i++) assert.deepEqual(reserve(run, didOf(20 + i), other(i)).codes, [], String(i))
  assert.deepEqual(reserve(run, ada).codes, ['VIA_EXHAUSTED'])
  run.wait(dayMs)
  assert.deepEqual(reserve(run, ada).codes, [])
})

test('one person keeps three ids, gives one back or lets it lapse', () => {
  const run = begin()
  for (let i = 0; i < 3; i++) assert.deepEqual(reserve(run, ada, { coop_id: `coop-${i}`, genesis: genesisOf(String(i)) }).codes, [])
  assert.deepEqual(reserve(run, ada).codes, ['RESERVATIONS_TOO_MANY'])
  assert.deepEqual(run.run('commons.coop.release', ben, { coop_id: 'coop-1' }).codes, ['RESERVATION_MISSING'])
  run.must('commons.coop.release', ada, { coop_id: 'coop-1' })
  assert.deepEqual(reserve(run, ada).codes, [])
  run.wait(reservationMs)
  const items = dueInCommons(run.tables, run.at[0], 2)
  assert.equal(items.length, 2)
  assert.deepEqual(run.run('commons.sweep', ada, { items }).codes, ['NOT_A_HOST'])
  run.must('commons.sweep', node, { items })
  assert.deepEqual(run.run('commons.sweep', node, { items }).codes, ['SWEEP_DONE'])
  assert.deepEqual(checkCommons(run.tables), [])
})

test('a coop enters with signatures of its founders, and its hosts are nodes that everybody knows', () => {
  const run = begin()
  assert.deepEqual(run.run('commons.coop.register', ada, entry()).codes, ['RESERVATION_MISSING'])
  reserve(run, ada)
  const codes = (more: object, author: Did = ada) => run.run('commons.coop.register', author, entry(more)).codes
  assert.deepEqual(codes({ genesis: genesisOf('another') }), ['ID_TAKEN'])
  assert.deepEqual(codes({}, cora), ['NOT_A_SIGNER'])
  assert.deepEqual(codes({ signatures: [], controllers: [ada], threshold: 1 }), ['SIGNATURES_MISSING', 'CONTROLLER_NOT_SIGNER'])
  assert.deepEqual(codes({ charter, signatures: signed(ada), controllers: [ada], threshold: 1 }), ['SIGNATURES_MISSING'])
  assert.deepEqual(codes({ charter, signatures: signed(ada, ben, cora) }), ['SIGNATURES_MISSING'])
  assert.deepEqual(codes({ charter: { ...charter, name: 'Other' } }), ['CHARTER_HASH_MISMATCH'])
  assert.deepEqual(codes({ signatures: signed(ada, ada) }), ['SIGNER_REPEATED', 'CONTROLLER_NOT_SIGNER'])
  assert.deepEqual(codes({ signatures: [{ ...signed(ada)[0], key: cora }, ...signed(ben)] }), ['STATEMENT_KEY'])
  assert.deepEqual(codes({ controllers: [ada, cora] }), ['CONTROLLER_NOT_SIGNER'])
  assert.deepEqual(codes({ threshold: 3 }), ['THRESHOLD_INVALID'])
  assert.deepEqual(codes({ threshold: 0 }), ['THRESHOLD_INVALID'])
  assert.deepEqual(codes({ controllers: [ada, ada] }), ['NAMES_REPEATED'])
  assert.equal(commonsProfile.isKnownNode(run.tables, host), false)
  run.must('commons.coop.register', ben, entry({ charter }))
  assert.deepEqual(codes({}), ['ALREADY_REGISTERED'])
  assert.equal(commonsProfile.isKnownNode(run.tables, host), true)
  assert.deepEqual([...commonsProfile.hosts(run.tables)], [node], 'only keepers make the commons final')
  assert.equal(run.tables.get(publishedCharters, ['food', 1])?.hash, hash)
  const payload = commonsRules.laws.get('commons.coop.register')?.statements?.(entry(), { space: 'commons', genesis: food, network: genesisOf('network'), author: ada } as never)
  assert.equal(payload?.length, 2)
  run.wait(reservationMs)
  assert.deepEqual(dueInCommons(run.tables, run.at[0], 9), [])
  assert.deepEqual(checkCommons(run.tables), [])
})

test('controllers change the entry, one for small things, as many as it says for others, in turn', () => {
  const run = listed()
  assert.deepEqual(update(run, cora, 2, { name: 'Food' }).codes, ['NOT_A_CONTROLLER'])
  assert.deepEqual(update(run, ada, 3, { name: 'Food' }).codes, ['VERSION_STALE'])
  assert.deepEqual(update(run, ada, 2, { name: 'Food' }, { genesis: genesisOf('another') }).codes, ['COOP_UNLISTED'])
  assert.deepEqual(update(run, ada, 2, { name: 'Food', hosts: [] }).codes, [])
  assert.equal(commonsProfile.isKnownNode(run.tables, host), false)
  assert.deepEqual(update(run, ben, 2, { name: 'Bread' }).codes, ['VERSION_STALE'], 'the other one had not seen it')
  assert.deepEqual(update(run, ada, 3, { controllers: [ada], threshold: 1 }).codes, ['CONTROLLERS_MISSING'])
  const second = { statements: [{ did: ben, key: ben, signature }] }
  assert.deepEqual(update(run, ada, 3, { controllers: [ada], threshold: 1 }, { statements: [{ did: cora, key: cora, signature }] }).codes, ['CONTROLLERS_MISSING'])
  assert.deepEqual(update(run, ada, 3, { controllers: [ada], threshold: 1 }, { statements: [{ did: ada, key: ada, signature }] }).codes, ['CONTROLLERS_MISSING'])
  assert.deepEqual(update(run, ada, 3, { controllers: [ada] }, second).codes, ['THRESHOLD_INVALID'])
  assert.deepEqual(update(run, ada, 3, { status: 'dissolved' }, second).codes, ['STATUS_INVALID'])
  assert.deepEqual(update(run, ada, 3, { status: 'suspended' }).codes, [], 'a pause takes one')
  assert.deepEqual(update(run, ada, 4, { status: 'active' }).codes, [])
  assert.deepEqual(update(run, ada, 5, { status: 'dissolving' }).codes, ['CONTROLLERS_MISSING'])
  assert.deepEqual(update(run, ada, 5, { status: 'dissolving' }, second).codes, [])
  assert.deepEqual(update(run, ben, 6, { status: 'dissolved' }, { statements: [{ did: ada, key: ada, signature }] }).codes, [])
  assert.deepEqual(update(run, ada, 7, { name: 'Again' }).codes, ['STATUS_INVALID'])
  assert.deepEqual(reserve(run, cora, { genesis: genesisOf('another') }).codes, ['ID_TAKEN'], 'the id of a dissolved coop is never free')
  assert.deepEqual(checkCommons(run.tables), [])
})

test('a new text of the charter is published with the version that names it', () => {
  const run = listed()
  const next = { ...charter, name: 'Food coop of the mill' }
  const second = { statements: [{ did: ben, key: ben, signature }] }
  assert.deepEqual(update(run, ada, 2, { charter_hash: charterHashOf(next), charter_version: 2 }, { ...second, charter }).codes, ['CHARTER_HASH_MISMATCH'])
  assert.deepEqual(update(run, ada, 2, { charter_hash: charterHashOf(next), charter_version: 2 }, { ...second, charter: next }).codes, [])
  assert.equal(run.tables.get(publishedCharters, ['food', 2])?.hash, charterHashOf(next))
  assert.equal(run.tables.get(directory, ['food'])?.charter_version, 2)
})

test('whatever is tried in whatever order, every row is found by whom it names', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = new Chance(seed)
    const run = begin()
    const ids = ['food', 'bread', 'mill']
    const all = [ada, ben, cora, steward]
    for (let step = 0; step < 40; step++) {
      const author = chance.pick(all)
      const coop_id = chance.pick(ids)
      const genesis = genesisOf(`${coop_id}${chance.below(2)}`)
      const pair = [ada, ben].slice(0, 1 + chance.below(2))
      chance.pick([
        () => reserve(run, author, { coop_id, genesis }),
        () => run.run('commons.coop.register', author, { ...entry({ signatures: signed(...pair), controllers: pair, threshold: chance.below(3) }), coop_id, genesis }),
        () =>
          run.run('commons.coop.update', author, {
            coop_id,
            genesis,
            version: (run.tables.get(directory, [coop_id])?.version ?? 0) + 1,
            changes: chance.pick<object>([
              { name: 'New' },
              { hosts: [{ did: chance.pick([host, node]), addresses: [] }] },
              { status: chance.pick(['active', 'suspended', 'dissolving', 'dissolved']) },
              { controllers: pair, threshold: pair.length },
            ]),
            statements: pair.map((did) => ({ did, key: did, signature })),
          }),
        () => run.run('commons.coop.release', author, { coop_id }),
        () => run.wait(chance.below(2) * reservationMs),
        () => run.run('commons.sweep', node, { items: [{ kind: 'reservation', ref: coop_id }] }),
      ])()
      assert.deepEqual(checkCommons(run.tables), [], `seed ${seed}, step ${step}`)
    }
  }
})
