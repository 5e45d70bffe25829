import type { CutApi, JournalApi } from '@icn/journal'
import type { Replicator } from '@icn/network'
import { SnapshotCoordinator, type SnapshotNews } from '@icn/node'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { SimNode } from './world.ts'

/** What happened to one attempt at one node. */
export type Told = SnapshotNews & { readonly by: Did }

/** The cuts that a simulated node takes part in: the real agreement over the simulated network, clock and disk. */
export function openCutting(node: SimNode, journal: JournalApi, key: SigningKey, replicator: () => Replicator): SnapshotCoordinator {
  const { world } = node
  const isAlive = (): boolean => node.running?.journal === journal
  return new SnapshotCoordinator({
    journal: waited(journal, (work) => world.waitFor(work)),
    network: () => world.realm.network() as OperationId,
    sign: (message) => new Uint8Array(key.sign(message)),
    random: (count) => Uint8Array.from({ length: count }, () => world.chance.below(256)),
    tell: (space, message) => {
      if (isAlive()) replicator().tellSnap(space, message)
    },
    askPage: (space, digest) => {
      if (isAlive()) replicator().askPage(space, digest)
    },
    reachable: () => node.running?.replicator.links.map(({ peer }) => peer) ?? [],
    follows: (_, initiator) => node.follows(initiator),
    timing: { now: () => world.time.now() + node.skewMs, after: (ms, run) => world.time.after(ms, run), chance: () => world.chance.next() },
    options: {
      everyMs: 600_000,
      graceMs: node.graceMs,
      lagMs: 30_000,
      participantsMin: 3,
      get timeoutMs() {
        return node.timeoutMs
      },
    },
    told: (news) => void world.cutsTold.push({ by: journal.node, ...news }),
    fault: (doing, error) => {
      if (isAlive()) world.faults.push([doing, error])
    },
  })
}

/** Time stands still while the journal works. */
function waited(journal: JournalApi, waitFor: <T>(work: Promise<T>) => Promise<T>): JournalApi {
  const stopping = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return (...args: readonly unknown[]): unknown => {
          const answer: unknown = Reflect.apply(member, target, args)
          return answer instanceof Promise ? waitFor(answer) : answer
        }
      },
    })
  const cuts: CutApi = stopping(journal.cuts)
  return new Proxy(stopping(journal), { get: (target, name): unknown => (name === 'cuts' ? cuts : Reflect.get(target, name)) })
}
