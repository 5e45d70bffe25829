import { coopHosts, hosts } from '@icn/domain'
import { type JournalApi, Refusal } from '@icn/journal'
import type { HostingPort } from '@icn/network'
import { type Did, encodeCanonical, equalBytes, type OperationId, parseOperation, type RawOperation, type SignedOperation, type SpaceId, signingBytes } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'

/** Taking other nodes in as hosts, and being taken in (network page §4). What this node was invited to outlives a restart. */

const acceptKind = 'coop.host.accept'
const nothing = encodeCanonical({})

export class Hosting implements HostingPort {
  readonly #journal: JournalApi
  readonly #key: SigningKey
  readonly #signed: (space: SpaceId, id: OperationId) => void
  /** Spaces this node has asked to hold, by name. */
  readonly #asked = new Map<SpaceId, OperationId>()

  /** `signed`: this node's key has signed something in a space that is here already, and it is only elsewhere so far. */
  constructor(journal: JournalApi, key: SigningKey, signed: (space: SpaceId, id: OperationId) => void) {
    this.#journal = journal
    this.#key = key
    this.#signed = signed
    for (const [[, space], genesis] of journal.local.scan(['hosting'])) this.#asked.set(space as SpaceId, genesis as OperationId)
  }

  /** Those of which this node's own state does not say yet that it is a host. */
  expected(): readonly { readonly space: SpaceId; readonly genesis: OperationId }[] {
    return [...this.#asked].flatMap(([space, genesis]) => (this.isHost(this.#journal.node, space) ? [] : [{ space, genesis }]))
  }

  /** From here on the space is taken from whoever offers it with this first operation. False: it was before. */
  expect(space: SpaceId, genesis: OperationId): boolean {
    const isNew = this.#asked.get(space) !== genesis
    this.#journal.local.write([{ key: ['hosting', space], value: genesis }])
    this.#asked.set(space, genesis)
    return isNew
  }

  /** No host has taken this node in. */
  forget(space: SpaceId): void {
    this.#journal.local.write([{ key: ['hosting', space], value: undefined }])
    this.#asked.delete(space)
  }

  isHost(node: Did, space: SpaceId): boolean {
    return this.#statusOf(node, space) === 'active'
  }

  /** Stewards want it to hold the space, whether it has said yes already or not. */
  isInvitedOrHost(node: Did, space: SpaceId): boolean {
    const status = this.#statusOf(node, space)
    return status === 'active' || status === 'invited'
  }

  hostsOf(space: SpaceId): readonly Did[] {
    const facts = this.#journal.read(space)
    return facts === undefined ? [] : coopHosts(facts)
  }

  draft(peer: Did, space: SpaceId): { envelope: Uint8Array; body: Uint8Array } | 'host' | undefined {
    const status = this.#statusOf(peer, space)
    if (status === 'active') return 'host'
    if (status !== 'invited') return undefined
    const { bytes, body } = this.#journal.draft({ space, kind: acceptKind, author: peer, signer: peer, grant: null, body: {} })
    return { envelope: bytes, body }
  }

  async accept(peer: Did, space: SpaceId, { envelope, signature, body }: RawOperation): Promise<string | undefined> {
    const parsed = parseOperation(envelope, signature, body)
    if ('malformed' in parsed) return 'OPERATION_MALFORMED'
    const { operation } = parsed
    // Nothing but this comes in this way; everything else has doors.
    if (operation.envelope.author !== peer || operation.envelope.space !== space || operation.envelope.kind !== acceptKind) return 'SPACE_NOT_PROVEN'
    try {
      const { outcome, decision } = await this.#journal.submit(operation)
      return outcome === 'refused' ? (decision.checks.find(({ result }) => result === 'fail')?.code ?? 'SPACE_NOT_PROVEN') : undefined
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return error.code
    }
  }

  sign(space: SpaceId, genesis: OperationId, { envelope, body }: { readonly envelope: Uint8Array; readonly body: Uint8Array }): RawOperation | undefined {
    // Read as an operation with an empty signature: one spelling, one shape, the body that was hashed.
    const parsed = parseOperation(envelope, new Uint8Array(64), body)
    if ('malformed' in parsed || !this.#says(parsed.operation, space, genesis)) return undefined
    if (parsed.operation.envelope.seq > 0) this.#signed(space, parsed.operation.id)
    return { envelope, signature: this.#key.sign(signingBytes(envelope)), body }
  }

  /** Nothing but that this node accepts, as its first word in this space; or, when it has been a host before, as the one after its last. */
  #says({ envelope, body }: SignedOperation, space: SpaceId, genesis: OperationId): boolean {
    const { node } = this.#journal
    const own = this.#journal
      .vectors(space)
      ?.entries()
      .find(({ signer }) => signer === node)
    return (
      envelope.space === space &&
      envelope.genesis === genesis &&
      envelope.kind === acceptKind &&
      envelope.author === node &&
      envelope.signer === node &&
      envelope.grant === null &&
      envelope.seq === (own === undefined ? 0 : own.seq + 1) &&
      envelope.prev === (own?.head ?? null) &&
      body !== null &&
      equalBytes(body, nothing)
    )
  }

  #statusOf(node: Did, space: SpaceId): string | undefined {
    return this.#journal.read(space)?.get(hosts, [node])?.status
  }
}
