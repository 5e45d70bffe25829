import { networkInterfaces } from 'node:os'
import { endpointsOf } from '@icn/network'
import { type Did, type Endpoint, type NodeRecord, type OperationId, signRecord } from '@icn/protocol'

/** What this node says of where it is reached: the whole to those who share a space with it, without the addresses of its house to others. */

/** Names of bridges between containers and virtual machines; their addresses lead nowhere from another machine. */
const bridgeName = /^(docker|br-|veth|virbr|lxc|lxd|cni|podman|vmnet|vboxnet)/

export interface OwnRecordOptions {
  /** Multiaddrs to publish as they are. */
  readonly announce: readonly string[]
  readonly isPublic: boolean
  /** This machine is a place like any other. */
  readonly loopback: boolean
  readonly recordLifeMs: number
}

export interface OwnRecordParts {
  readonly me: Did
  sign(message: Uint8Array): Uint8Array
  network(): OperationId | null
  listening(): readonly string[]
  readonly options: OwnRecordOptions
  now(): number
}

export class OwnRecord {
  readonly #parts: OwnRecordParts
  #endpoints: readonly Endpoint[] = []
  #whole: NodeRecord | undefined
  #outer: NodeRecord | undefined
  #issuedAt = 0

  constructor(parts: OwnRecordParts) {
    this.#parts = parts
  }

  /** What the record that was signed last says. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** True when the addresses are others than those of the record. */
  get isStale(): boolean {
    return JSON.stringify(this.#look()) !== JSON.stringify(this.#endpoints)
  }

  /** Signs anew. False: the network is not known yet. */
  renew(): boolean {
    const { me, network, now, sign, options } = this.#parts
    const network_id = network()
    if (network_id === null) return false
    this.#endpoints = this.#look()
    // Rising even where the clock does not.
    this.#issuedAt = Math.max(now(), this.#issuedAt + 1)
    const of = (endpoints: readonly Endpoint[]): NodeRecord =>
      signRecord(
        {
          v: 1,
          network_id,
          node: me,
          issued_at: this.#issuedAt,
          expires_at: this.#issuedAt + options.recordLifeMs,
          public: options.isPublic,
          nat: 'unknown',
          udp: false,
          endpoints: [...endpoints],
          source_ips: [],
        },
        sign,
      )
    this.#whole = of(this.#endpoints)
    this.#outer = of(this.#endpoints.filter(({ type }) => type !== 'lan'))
    return true
  }

  /** For a peer that shares a space, or for another. */
  for(isCohost: boolean): NodeRecord | undefined {
    return isCohost ? this.#whole : this.#outer
  }

  #look(): readonly Endpoint[] {
    const bridges = new Set(Object.entries(networkInterfaces()).flatMap(([name, addresses]) => (bridgeName.test(name) ? (addresses ?? []).map(({ address }) => address) : [])))
    return endpointsOf({ listening: this.#parts.listening(), announce: this.#parts.options.announce, loopback: this.#parts.options.loopback, bridges })
  }
}
