import { commonsRules, coopRow, coopRules } from '@icn/domain'
import { type JournalApi, journalDefaults, openJournal, type Store } from '@icn/journal'
import { charterStatementPayload, type Did, didOfKey, minuteMs, type OperationId, type RawOperation, sealOperation, type SpaceId, statementBytes } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { Person } from './people.ts'

/** The history of one space, under a clock that moves: everything is said by the people themselves, on their own keys. */
export class Past {
  readonly space: SpaceId
  readonly key: SigningKey
  now: number
  readonly journal: JournalApi

  constructor(space: SpaceId, store: Store, key: SigningKey, from: number) {
    this.space = space
    this.key = key
    this.now = from
    this.journal = openJournal({
      store,
      key,
      node: didOfKey(key.publicKey),
      rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
  }

  later(ms: number): void {
    this.now += ms
  }

  /** One change, signed by `by` for `author` (by default themself). Throws when it is refused, unless that is wanted. */
  async say(
    author: Did,
    by: SigningKey,
    kind: string,
    body: unknown,
    options: { readonly grant?: OperationId; readonly genesis?: boolean; readonly refused?: boolean } = {},
  ): Promise<OperationId> {
    this.later(minuteMs)
    const unsigned = this.journal.draft({
      space: this.space,
      kind,
      author,
      signer: didOfKey(by.publicKey),
      grant: options.grant ?? null,
      body,
      ...(options.genesis ? { genesis: null } : {}),
    })
    const result = await this.journal.submit(sealOperation(unsigned.envelope, unsigned.body, (message) => by.sign(message)))
    if ((result.outcome === 'refused') !== (options.refused ?? false))
      throw new Error(
        `${kind}: ${result.decision.checks
          .filter((check) => check.result !== 'pass')
          .map((check) => check.code)
          .join(' ')}`,
      )
    return (result.operation as NonNullable<typeof result.operation>).operation.id
  }

  get charterHash(): string {
    const facts = this.journal.read(this.space)
    return (facts === undefined ? undefined : coopRow(facts)?.charter_hash) as string
  }

  async signCharter(network: OperationId, coopId: string, person: Person): Promise<void> {
    const hash = this.charterHash
    const payload = charterStatementPayload({ network, space: this.space, hash, coop_id: coopId, version: 1 })
    await this.say(person.did, person.key, 'coop.charter.sign', {
      hash,
      statement: { did: person.did, key: person.did, signature: person.key.sign(statementBytes('charter', payload)) },
    })
  }

  /** Two stewards name another node as host, and it accepts. */
  async addHost(stewards: readonly [Person, Person], node: SigningKey, label: string): Promise<void> {
    const [first, second] = stewards
    const did = didOfKey(node.publicKey)
    const act = await this.say(first.did, first.key, 'act.propose', { kind: 'coop.host.add', body: { did, label }, note: 'A second home for our data.' })
    await this.say(second.did, second.key, 'act.confirm', { ref: act })
    await this.say(did, node, 'coop.host.accept', {})
  }
}

/** Everything that is here of a space, as it travels. */
export function operationsOf(journal: JournalApi, space: SpaceId): RawOperation[] {
  return journal.operations(space, { limit: 100_000 }).map(({ operation: { bytes, signature, body } }) => ({ envelope: bytes, signature, body }))
}
