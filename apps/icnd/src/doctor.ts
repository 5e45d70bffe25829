import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalApi, Store } from '@icn/journal'
import type { Backups, Fault, NetworkPort, RestoreProofs, Supervisor } from '@icn/node'
import type { ClockView, DoctorFinding, FinalityView, SpaceId } from '@icn/protocol'
import { freeBytes } from './background.ts'
import type { Config } from './config/option.ts'
import { examineBackups, examineRestores } from './keeping.ts'
import type { OwnHead } from './own-head.ts'
import { spacesAlone } from './replication.ts'

export interface DoctorParts {
  readonly config: Config
  readonly journal: JournalApi
  readonly store: Store
  readonly supervisor: Supervisor
  readonly undecodable: ReadonlySet<string>
  readonly ownHead: OwnHead
  readonly proofs: RestoreProofs
  readonly backups: Backups | undefined
  readonly now: () => number
  finality(space: SpaceId): FinalityView | null
  readonly clock: ClockView
  /** Undefined where this node was told to stay alone. */
  readonly network: Pick<NetworkPort, 'examine' | 'sync'> | undefined
  /** Asks this node's own doors over loopback; names what did not answer. */
  readonly selfCalls: () => Promise<readonly { readonly name: string; readonly failed: string | undefined }[]>
}

type State = DoctorFinding['state']

/** Measures, never guesses: each line says what was looked at and what to do. */
export async function examineNode(parts: DoctorParts): Promise<DoctorFinding[]> {
  const findings: DoctorFinding[] = []
  const say = (group: string, name: string, state: State, text: string, fix: string | null = null): void => {
    findings.push({ group, name, state, text, fix })
  }
  machine(parts, say)
  if (parts.config['store.kind'] !== 'memory') keys(parts.config.data_dir, say)
  ownKey(parts, say)
  store(parts, say)
  journal(parts, say)
  for (const { name, failed } of await parts.selfCalls())
    say('doors', name, failed === undefined ? 'ok' : 'fail', failed ?? 'answers on loopback', failed === undefined ? null : 'see the log of icnd for what happened at this door')
  clock(parts, say)
  findings.push(...(parts.network?.examine() ?? []))
  alone(parts, say)
  examineBackups(parts, say)
  examineRestores(parts.proofs, say)
  attention(parts, say)
  return findings
}

export type Say = (group: string, name: string, state: State, text: string, fix?: string | null) => void

function machine({ config, journal, now }: DoctorParts, say: Say): void {
  const major = Number(process.versions.node.split('.')[0])
  say('machine', 'node', major >= 24 ? 'ok' : 'fail', `Node ${process.versions.node}`, major >= 24 ? null : 'start icnd through ./icn, which fetches Node 24')
  const free = freeBytes(config.data_dir)
  const reserve = config['store.reserve_bytes']
  if (free === undefined) say('machine', 'disk', 'unknown', 'the system does not tell the free room')
  else
    say(
      'machine',
      'disk',
      free < reserve ? 'fail' : free < 2 * reserve ? 'warn' : 'ok',
      `${Math.floor(free / 1_048_576)} MiB free, reserve ${Math.floor(reserve / 1_048_576)} MiB`,
      free < 2 * reserve ? 'make room on this disk' : null,
    )
  const { backwardJumps, aheadMs } = journal.clock
  say(
    'machine',
    'clock',
    aheadMs > 5_000 || backwardJumps > 0 ? 'warn' : 'ok',
    `${new Date(now()).toISOString()}; ${backwardJumps} jumps back; the journal’s clock is ${aheadMs} ms ahead`,
    aheadMs > 5_000 ? 'set the time of this machine; changes go on meanwhile' : null,
  )
}

function keys(folder: string, say: Say): void {
  const modes: readonly (readonly [string, number])[] = [
    ['.', 0o700],
    ['identity.key', 0o600],
    ['operator.token', 0o600],
    ['store', 0o700],
  ]
  const wide = modes.filter(([name, most]) => existsSync(join(folder, name)) && (statSync(join(folder, name)).mode & 0o777 & ~most) !== 0)
  say(
    'keys',
    'modes',
    wide.length === 0 ? 'ok' : 'fail',
    wide.length === 0 ? 'folders and secrets are this user’s alone' : `others may read: ${wide.map(([name]) => name).join(', ')}`,
    wide.length === 0 ? null : wide.map(([name, most]) => `chmod ${most.toString(8)} ${join(folder, name)}`).join('; '),
  )
  say('keys', 'identity', existsSync(join(folder, 'identity.key')) ? 'ok' : 'fail', 'the node’s key is open and its file is here')
}

function ownKey({ ownHead }: DoctorParts, say: Say): void {
  for (const { space, since, for: hosts } of ownHead.waiting)
    say(
      'keys',
      'recovering',
      'warn',
      `since ${new Date(since).toISOString()} nothing is signed in ${space}: ${hosts.length === 0 ? 'no host' : hosts.join(', ')} has not said what this node signed there`,
      'bring these hosts up; if none is left, start this node with --i-am-the-only-host',
    )
  const { twice } = ownHead
  if (twice === undefined) say('keys', 'once', 'ok', 'no peer has seen this identity run twice')
  else
    say('keys', 'once', 'fail', `this identity runs twice: ${twice.by} saw both at ${new Date(twice.at).toISOString()}`, 'stop one of the two, and delete its copy of identity.key')
}

function store({ store: open, undecodable, config }: DoctorParts, say: Say): void {
  say(
    'store',
    'kind',
    open.kind === 'sqlite' ? 'ok' : 'warn',
    open.kind === 'sqlite' ? `SQLite, ${Math.ceil(open.sizeOnDisk() / 1_024)} KiB` : 'in memory: nothing survives a restart',
    open.kind === 'sqlite' ? null : 'start without --ephemeral to keep data',
  )
  say(
    'store',
    'rows',
    undecodable.size === 0 ? 'ok' : 'fail',
    undecodable.size === 0 ? 'every row that was read decodes' : `${undecodable.size} rows do not decode`,
    undecodable.size === 0 ? null : `restore a backup of ${join(config.data_dir, 'store')}`,
  )
}

function journal({ journal: engine, finality }: DoctorParts, say: Say): void {
  const findings = engine.doctor()
  for (const { invariant, text, evidence } of findings)
    say('journal', invariant, 'fail', `${text} ${evidence === undefined ? '' : JSON.stringify(evidence)}`.trim(), 'keep a copy of the data directory and report this')
  if (findings.length === 0) say('journal', 'checks', 'ok', `indexes, chains, events and every module’s check hold in ${engine.spaces().length} spaces`)
  for (const { space, operations, unfinal } of engine.spaces()) {
    if (operations.held > 0) say('journal', 'held', 'warn', `${operations.held} operations of ${space} wait for others or for the clock`)
    const next = finality(space)
    const isWell = next === null || (next.enough && next.shrinking === null)
    say(
      'journal',
      'finality',
      (next?.splits.length ?? 0) > 0 ? 'fail' : isWell ? 'ok' : 'warn',
      `${space}: ${operations.applied} applied, ${unfinal} not yet confirmed. ${next?.says ?? ''}`.trim(),
    )
  }
}

/** What the peers' clocks say of this one. */
function clock({ clock: view, network }: DoctorParts, say: Say): void {
  if (network === undefined) return
  const { state, ahead_ms: aheadMs, samples } = view
  if (aheadMs === null) {
    say('network', 'clock', 'unknown', `clocks are compared with three peers or more; ${samples} answered`)
    return
  }
  const difference = `${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} the median of ${samples} peers`
  const fix = 'set the time of this machine, for example with timedatectl set-ntp true'
  if (state === 'ahead') say('network', 'clock', 'fail', `${difference}: every peer would hold what is written here, so own changes are refused`, fix)
  else if (state === 'behind') say('network', 'clock', 'fail', `${difference}: sign-ins may fail`, fix)
  else say('network', 'clock', state === 'off' ? 'warn' : 'ok', difference, state === 'off' ? fix : null)
}

/** Spaces of several hosts, none of which this node is in touch with. */
function alone({ journal: engine, network }: DoctorParts, say: Say): void {
  for (const space of spacesAlone({ journal: engine, network }))
    say(
      'network',
      'alone',
      'warn',
      network === undefined ? `${space} has other hosts, and this node was told to reach nobody` : `${space} has other hosts, and none of them is here`,
      network === undefined ? 'set network.listen_addr, or network.bootstrap_peers to one of them' : 'the lines on its hosts say what was tried',
    )
}

function attention({ supervisor }: DoctorParts, say: Say): void {
  const down = supervisor.actors.filter(({ isUp }) => !isUp)
  say(
    'attention',
    'actors',
    down.length === 0 ? 'ok' : 'fail',
    down.length === 0 ? `${supervisor.actors.length} run` : `down: ${down.map(({ name }) => name).join(', ')}`,
    down.length === 0 ? null : 'see the log; they are started again by themselves',
  )
  const faults = groupFaults(supervisor.recentFaults())
  if (faults.length === 0) say('attention', 'errors', 'ok', 'nothing failed unseen in the last day')
  for (const { operation, count, last } of faults)
    say('attention', 'errors', 'warn', `${operation} failed ${count} times, last at ${new Date(last.at).toISOString()}: ${last.text}`)
}

/** Faults of the last day by name. */
export function groupFaults(faults: readonly Fault[]): readonly { readonly operation: string; readonly count: number; readonly last: Fault }[] {
  const groups = new Map<string, { operation: string; count: number; last: Fault }>()
  for (const fault of faults) {
    const group = groups.get(fault.operation)
    if (group === undefined) groups.set(fault.operation, { operation: fault.operation, count: 1, last: fault })
    else {
      group.count++
      group.last = fault
    }
  }
  return [...groups.values()]
}
