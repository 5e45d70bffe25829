import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Client, connect } from './client.ts'
import type { IcnError } from './errors.ts'

/** What the compiler must refuse. The functions are never run; a line that compiles although it should not is an error by itself. */

export async function inputs(icn: Client): Promise<void> {
  await icn.coop.get({ coop_id: 'food' })
  await icn.me.get()
  // @ts-expect-error a field that no row has
  await icn.coop.get({ coop_id: 'food', colour: 'green' })
  // @ts-expect-error a field is missing
  await icn.coop.get({})
  // @ts-expect-error an input is missing
  await icn.coop.get()
  // @ts-expect-error a number is not an id
  await icn.coop.get({ coop_id: 5 })
  // @ts-expect-error a word that is not in the list
  await icn.coop.addMember({ coop_id: 'food', did: 'did:icn:z6Mk', role: 'king' })
  // @ts-expect-error no such method
  await icn.coop.explode({ coop_id: 'food' })
  // @ts-expect-error options are known
  await icn.coop.get({ coop_id: 'food' }, { dryrun: true })
  await icn.identity.grant({ space: 'coop:food', scopes: ['coop.member.profile'], for_ms: 1 })
  // @ts-expect-error a list of texts
  await icn.identity.grant({ space: 'coop:food', scopes: [1] })
}

export async function outputs(icn: Client): Promise<string> {
  const coop = await icn.coop.get({ coop_id: 'food' })
  const name: string = coop.name
  // @ts-expect-error a view has no such field
  coop.colour
  for await (const member of icn.coop.listMembers({ coop_id: 'food' })) {
    // @ts-expect-error a status is one of the list
    if (member.status === 'dancing') return name
  }
  const written = await icn.coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada' })
  // @ts-expect-error the value may be an act, or nothing
  written.value.name
  return coop.meta.etag ?? name
}

export function codes(error: IcnError): number {
  switch (error.code) {
    case 'CHARTER_CHANGED':
      return 1
    // @ts-expect-error no node says this
    case 'CHARTER_CHANGD':
      return 2
    default:
      return 3
  }
}

it('says nothing to a node before the first call', () => {
  const icn = connect('http://127.0.0.1:1')
  assert.equal(typeof icn.coop.import.preview, 'function')
  assert.equal(typeof icn.coop.import, 'function')
})
