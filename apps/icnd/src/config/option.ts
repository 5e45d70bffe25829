import { homedir, hostname } from 'node:os'
import { join } from 'node:path'

/** What an option holds; each kind reads the same text from flag, environment and file. */
export type OptionKind = 'text' | 'path' | 'bool' | 'int' | 'bytes' | 'word' | 'address' | 'list' | 'listen' | 'levels'

/** One option: default, bounds, unit and a sentence. Help, config.md, `config init` and the editor's schema are printed from these rows. */
export interface OptionSpec {
  readonly kind: OptionKind
  readonly default: string | number | boolean | readonly string[] | Readonly<Record<string, string>> | null
  readonly min?: number
  readonly max?: number
  readonly unit?: string
  /** How each address of a `listen` ends. */
  readonly ends?: '' | '/ws'
  /** In place of the default where nothing is kept (`--ephemeral`): such a node opens no port to others unless it is told to. */
  readonly ephemeral?: readonly string[]
  readonly words?: readonly string[]
  /** Taken up on SIGHUP without a restart. */
  readonly reloads?: boolean
  readonly says: string
}

const mib = 1_048_576

/** Options of the operator, by part. Rules inside laws are not here: no flag changes what must be equal on every node. */
const optionTable = {
  data_dir: { kind: 'path', default: join(homedir(), '.icn'), says: 'everything this node keeps' },
  'node.name': { kind: 'text', default: hostname(), min: 1, max: 64, says: 'for people; not an identity' },
  'node.alone': {
    kind: 'bool',
    default: false,
    says: 'the operator’s word that no other host has what this node signed: a restored node signs without asking; same as --i-am-the-only-host',
  },
  'store.kind': { kind: 'word', default: 'sqlite', words: ['sqlite', 'memory'], says: 'memory only with --ephemeral; nothing survives then' },
  'store.mmap_bytes': {
    kind: 'bytes',
    default: 1_024 * mib,
    min: 0,
    max: 65_536 * mib,
    unit: 'bytes',
    says: 'how much of the file is read through memory mapping; not memory used',
  },
  'store.reserve_bytes': {
    kind: 'bytes',
    default: 1_024 * mib,
    min: 64 * mib,
    max: 102_400 * mib,
    unit: 'bytes',
    says: 'below this free space the node goes read-only while it still can write its markers',
  },
  'store.cache_bytes': { kind: 'bytes', default: 256 * mib, min: 16 * mib, max: 16_384 * mib, unit: 'bytes', says: 'decoded rows; larger: faster reads, more memory' },
  'journal.batch_ops_max': { kind: 'int', default: 512, min: 1, max: 4_096, unit: 'operations', says: 'one fsync for so many; larger: throughput, smaller: latency' },
  'journal.batch_bytes_max': { kind: 'bytes', default: 4 * mib, min: 65_536, max: 16 * mib, unit: 'bytes', says: 'one fsync for so much' },
  'journal.undo_days': { kind: 'int', default: 30, min: 1, max: 365, unit: 'days', says: 'how far as-of reads reach behind finality' },
  'journal.refused_log_count': { kind: 'int', default: 100_000, min: 1_000, max: 10_000_000, unit: 'records', says: 'local memory for “why was I refused?”' },
  'network.listen_addr': {
    kind: 'listen',
    default: ['/ip4/0.0.0.0/tcp/7777'],
    ephemeral: [],
    max: 8,
    ends: '',
    says: 'multiaddrs at which other nodes reach this one; also 0.0.0.0:7777; empty: it does not listen; not with --ephemeral, unless told',
  },
  'network.ws_listen_addr': {
    kind: 'listen',
    default: ['/ip4/0.0.0.0/tcp/7778/ws'],
    ephemeral: [],
    max: 8,
    ends: '/ws',
    says: 'the same over WebSocket, for browsers and strict firewalls; also 0.0.0.0:7778; empty: it does not; not with --ephemeral, unless told',
  },
  'network.bootstrap_peers': { kind: 'list', default: [], max: 100, says: 'multiaddrs of first contacts, each ending in /p2p/<peer id>' },
  'network.dial_loopback': { kind: 'bool', default: false, says: 'treats this machine like any other place nodes are at; for tests and the development network' },
  'network.allow_peers': { kind: 'list', default: [], max: 100, says: 'DIDs of nodes that may always connect; their bad manners count, but ban nobody' },
  'network.gate': {
    kind: 'word',
    default: 'guests',
    words: ['open', 'guests', 'closed'],
    says: 'whether strangers may connect: as many as there is room for, a few, or none; keepers and first contacts should not be closed',
  },
  'network.min_trust_permille': {
    kind: 'int',
    default: 100,
    min: 0,
    max: 1_000,
    unit: '‰',
    says: 'from where on a peer is no guest; larger: fewer strangers, harder first contact',
  },
  'network.guests_count': { kind: 'int', default: 32, min: 0, max: 200, unit: 'peers', says: 'strangers at once; larger: easier first contact, more work for strangers' },
  'network.misbehaviour_half_life_secs': { kind: 'int', default: 3_600, min: 60, max: 604_800, unit: 's', says: 'how long bad manners are remembered: half of it after so long' },
  'network.mdns_enabled': { kind: 'bool', default: true, says: 'finds nodes in this building, and is found by them' },
  'network.announce': { kind: 'list', default: [], max: 8, says: 'multiaddrs to publish as they are, where a router forwards a port' },
  'network.public': { kind: 'bool', default: false, says: 'lets every node know where this one is reached; otherwise only those that share something with it' },
  'network.candidate_announce_interval_secs': {
    kind: 'int',
    default: 150,
    min: 30,
    max: 3_600,
    unit: 's',
    says: 'how often this node says where it is reached; shorter: fresher, more traffic',
  },
  'network.candidate_ttl_secs': { kind: 'int', default: 300, min: 60, max: 86_400, unit: 's', says: 'how long others may believe that; at least twice the interval' },
  'network.ping_interval_secs': {
    kind: 'int',
    default: 15,
    min: 5,
    max: 300,
    unit: 's',
    says: 'how often each connection is pinged; longer: a peer that is lost is noticed later',
  },
  'network.have_interval_secs': {
    kind: 'int',
    default: 30,
    min: 5,
    max: 300,
    unit: 's',
    says: 'how often each peer is told what is here when nothing happens; shorter: faster repair, more traffic',
  },
  'network.drain_ms': {
    kind: 'int',
    default: 2_000,
    min: 0,
    max: 30_000,
    unit: 'ms',
    says: 'how long a stop waits for what is on its way to peers; less than supervisor.shutdown_timeout_secs',
  },
  'gateway.enabled': { kind: 'bool', default: true, says: 'REST, events and pages for members' },
  'gateway.listen': { kind: 'address', default: '127.0.0.1:8080', says: 'where the gateway listens' },
  'gateway.public_origin': { kind: 'text', default: null, max: 200, says: 'token audience and links; default: http:// and the listen address' },
  'gateway.hosts': { kind: 'list', default: [], max: 100, says: 'further allowed values of the Host header' },
  'gateway.cors_origins': { kind: 'list', default: [], max: 100, says: 'exact origins of other sites that may call' },
  'gateway.cors_public': { kind: 'bool', default: false, says: 'opens rows that need no session to every origin' },
  'gateway.trusted_proxies': { kind: 'list', default: [], max: 100, says: 'addresses whose forwarding headers are believed' },
  'gateway.operator_access': { kind: 'word', default: 'loopback', words: ['never', 'loopback', 'always'], says: 'where a session of a listed operator may use operator rows' },
  'gateway.found_by': { kind: 'word', default: 'operator', words: ['operator', 'anyone'], says: 'who may found a coop on this node' },
  'gateway.rpc': { kind: 'bool', default: false, says: 'serves JSON-RPC also at /v1/rpc of the gateway, without operator rows' },
  'gateway.insecure_http': {
    kind: 'word',
    default: null,
    words: ['anyone-on-this-network-can-read-and-change-everything'],
    says: 'listens off loopback without TLS; the value says what that means',
  },
  'gateway.tls_cert_file': { kind: 'path', default: null, says: 'certificate chain; needed off loopback unless a proxy is trusted' },
  'gateway.tls_key_file': { kind: 'path', default: null, says: 'its key, mode 0600' },
  'gateway.body_bytes_max': { kind: 'bytes', default: 262_144, min: 4_096, max: 16 * mib, unit: 'bytes', says: 'largest JSON body' },
  'gateway.handler_timeout_ms': { kind: 'int', default: 30_000, min: 100, max: 300_000, unit: 'ms', says: 'longest call' },
  'gateway.sockets_max': { kind: 'int', default: 1_000, min: 1, max: 100_000, unit: 'sockets', says: 'event subscribers at once' },
  'gateway.rate_permille': { kind: 'int', default: 1_000, min: 1, max: 1_000_000, unit: '‰', says: 'scales every rate limit of the doors; 1000 is the table of the doors page' },
  'gateway.access_token_secs': { kind: 'int', default: 600, min: 60, max: 3_600, unit: 's', says: 'life of an access token; shorter: safer, more renewals' },
  'gateway.refresh_token_days': { kind: 'int', default: 30, min: 1, max: 90, unit: 'days', says: 'life of a session without use' },
  'events.log_count': { kind: 'int', default: 100_000, min: 100, max: 10_000_000, unit: 'events', says: 'how far a client may resume, for each space' },
  'events.log_days': { kind: 'int', default: 30, min: 1, max: 365, unit: 'days', says: 'how long events are kept' },
  'events.buffer_bytes_max': { kind: 'bytes', default: 64 * mib, min: mib, max: 4_096 * mib, unit: 'bytes', says: 'memory for slow readers, all together' },
  'rpc.enabled': { kind: 'bool', default: true, says: 'the operator’s door' },
  'rpc.listen': { kind: 'address', default: '127.0.0.1:5601', says: 'where it listens; loopback only' },
  'rpc.batch_max': { kind: 'int', default: 100, min: 1, max: 1_000, unit: 'calls', says: 'calls in one batch' },
  'metrics.enabled': { kind: 'bool', default: true, says: 'metrics and health' },
  'metrics.listen': { kind: 'address', default: '127.0.0.1:9100', says: 'where they are served' },
  'metrics.token_file': { kind: 'path', default: null, says: 'file with the token that is asked for; required off loopback' },
  'log.level': { kind: 'word', default: 'info', words: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], reloads: true, says: 'what is worth a line' },
  'log.format': { kind: 'word', default: 'json', words: ['json', 'pretty'], says: 'one JSON object a line, or lines for people' },
  'log.identities': { kind: 'bool', default: false, says: 'writes DIDs instead of salted tags' },
  'supervisor.metrics_update_interval_secs': { kind: 'int', default: 10, min: 1, max: 300, unit: 's', says: 'how often measured gauges are taken' },
  'supervisor.candidate_cleanup_interval_secs': { kind: 'int', default: 300, min: 10, max: 3_600, unit: 's', says: 'how often addresses of others that have expired are dropped' },
  'supervisor.peer_exchange_delay_ms': { kind: 'int', default: 500, min: 0, max: 60_000, unit: 'ms', says: 'wait after connecting before a peer is asked whom it knows' },
  'supervisor.peer_exchange_max_peers': { kind: 'int', default: 50, min: 1, max: 500, unit: 'records', says: 'addresses of nodes in one such exchange' },
  'supervisor.clock_sync_interval_secs': { kind: 'int', default: 600, min: 30, max: 86_400, unit: 's', says: 'how often the clock is looked at' },
  'supervisor.sweep_interval_secs': { kind: 'int', default: 30, min: 1, max: 3_600, unit: 's', says: 'deadlines, expiries, stuck matters' },
  'supervisor.shutdown_timeout_secs': { kind: 'int', default: 5, min: 1, max: 300, unit: 's', says: 'for each actor; the whole stop takes at most a minute' },
  'supervisor.mailbox_count': {
    kind: 'int',
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'messages',
    says: 'for each actor; larger hides overload, smaller answers MAILBOX_FULL sooner',
  },
  'supervisor.restart_initial_delay_ms': { kind: 'int', default: 100, min: 1, max: 60_000, unit: 'ms', says: 'first wait after a crash, doubling' },
  'supervisor.restart_max_delay_ms': { kind: 'int', default: 30_000, min: 1, max: 600_000, unit: 'ms', says: 'longest wait' },
  'supervisor.restart_attempts_max': { kind: 'int', default: 5, min: 1, max: 100, unit: 'crashes', says: 'within the window; one more stops the daemon' },
  'supervisor.restart_window_secs': { kind: 'int', default: 60, min: 1, max: 3_600, unit: 's', says: 'the window' },
  'limits.spaces_count': { kind: 'int', default: 200, min: 1, max: 1_000, unit: 'spaces', says: 'spaces this node holds' },
  'limits.peers_count': { kind: 'int', default: 200, min: 1, max: 1_000, unit: 'peers', says: 'connected at once; larger: more memory, smaller: fewer ways to what others know' },
  'trust.perspective': { kind: 'list', default: [], max: 16, says: 'DIDs from whose edges this node looks beside its own; default: its operators' },
  'trust.hop_min_permille': {
    kind: 'int',
    default: 400,
    min: 100,
    max: 1_000,
    unit: '‰',
    says: 'from where on somebody’s opinion counts; smaller: more strangers, easier to fool',
  },
  'trust.intermediaries_count': { kind: 'int', default: 32, min: 1, max: 256, unit: 'opinions', says: 'how many opinions count; larger: slower, smoother' },
  'trust.cohost_floor_permille': { kind: 'int', default: 600, min: 0, max: 1_000, unit: '‰', says: 'what being named as a host or keeper is worth in that space' },
  'trust.cache_count': { kind: 'int', default: 10_000, min: 100, max: 1_000_000, unit: 'scores', says: 'scores remembered' },
  'backup.dir': { kind: 'path', default: null, says: 'where backups of the whole node are put by themselves; best on another disk; without it none are made' },
  'backup.every_hours': { kind: 'int', default: 24, min: 1, max: 8_760, unit: 'hours', says: 'how often; one that was missed is made after the start' },
  'backup.keep_count': { kind: 'int', default: 14, min: 1, max: 1_000, unit: 'backups', says: 'how many are kept; the newest good one is never deleted' },
  'backup.recipients_file': { kind: 'path', default: null, says: 'file with the DIDs whose keys open backups, one a line; this node’s own key always does' },
  'backup.drill_every_days': {
    kind: 'int',
    default: 30,
    min: 0,
    max: 365,
    unit: 'days',
    says: 'how often the newest one is tried in a scratch folder; 0: never, and nobody knows what it is worth',
  },
  'snapshot.auto': { kind: 'bool', default: true, says: 'makes checkpoints by itself' },
  'snapshot.checkpoint_every_secs': { kind: 'int', default: 600, min: 30, max: 86_400, unit: 's', says: 'how often, when something is not final' },
  'snapshot.cut_lag_secs': { kind: 'int', default: 30, min: 0, max: 3_600, unit: 's', says: 'how far the cut lies in the past, so that honest work is not late' },
  'snapshot.absence_grace_secs': {
    kind: 'int',
    default: 86_400,
    min: 0,
    max: 15_768_000,
    unit: 's',
    says: 'for how long automatic cuts wait for a host that is away, so that nothing it does is late; at most half of journal.undo_days',
  },
  'snapshot.min_trust_for_snapshot': {
    kind: 'int',
    default: 500,
    min: 0,
    max: 1_000,
    unit: '‰',
    says: 'this node follows a host that begins a cut, and takes state from one, only when it relies on it so far; 0.5 is read as 500',
  },
  'snapshot.snapshot_timeout': { kind: 'int', default: 300, min: 10, max: 3_600, unit: 's', says: 'for one whole attempt at a cut' },
  'snapshot.min_participants': {
    kind: 'int',
    default: 3,
    min: 1,
    max: 64,
    unit: 'hosts',
    says: 'a cut that somebody asks for needs so many reachable hosts, or all where there are fewer; automatic ones need a majority',
  },
  'snapshot.archive_every_hours': {
    kind: 'int',
    default: 24,
    min: 0,
    max: 8_760,
    unit: 'hours',
    says: 'how often the state of each space is put into a file, when something became final; 0: never; one that was missed is made after the start',
  },
  'snapshot.archive_dir': { kind: 'path', default: null, says: 'where archives go; best on another disk; without it, snapshots in the data folder' },
  'snapshot.archive_recipients_file': { kind: 'path', default: null, says: 'file with the DIDs whose keys open archives, one a line; this node’s own key always does' },
  'snapshot.compression_level': { kind: 'int', default: 3, min: 1, max: 19, unit: 'zstd', says: 'higher ones take much longer for little' },
  'snapshot.keep_count': { kind: 'int', default: 3, min: 1, max: 100, unit: 'archives', says: 'how many of the newest of each space are kept' },
  'snapshot.keep_daily': { kind: 'int', default: 7, min: 0, max: 100, unit: 'archives', says: 'then the newest of so many days' },
  'snapshot.keep_weekly': { kind: 'int', default: 4, min: 0, max: 100, unit: 'archives', says: 'then the newest of so many weeks' },
  'snapshot.keep_monthly': { kind: 'int', default: 6, min: 0, max: 100, unit: 'archives', says: 'then the newest of so many months of 30 days' },
  'snapshot.archive_bytes_max': {
    kind: 'int',
    default: 10_737_418_240,
    min: 104_857_600,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
    says: 'beyond that the oldest archives go, except the newest of a space, its last proven one and pinned ones',
  },
  'snapshot.drill_every_days': {
    kind: 'int',
    default: 7,
    min: 0,
    max: 365,
    unit: 'days',
    says: 'how often the newest archive is restored in a scratch folder; 0: never, and nobody knows what it is worth',
  },
  'snapshot.max_snapshot_size': {
    kind: 'int',
    default: 104_857_600,
    min: 1_048_576,
    max: 10_737_418_240,
    unit: 'bytes',
    says: 'largest state that this node archives, serves or fetches; never a limit on finality',
  },
  'snapshot.chunk_size': {
    kind: 'int',
    default: 1_048_576,
    min: 65_536,
    max: 1_048_576,
    unit: 'bytes',
    says: 'raw bytes of a chunk in files and on the way; roots do not depend on it',
  },
  'snapshot.serve_bytes_per_sec': {
    kind: 'int',
    default: 16_777_216,
    min: 65_536,
    max: 1_073_741_824,
    unit: 'bytes/s',
    says: 'what this node hands out of states to new hosts, all together',
  },
  'snapshot.bootstrap_operations': {
    kind: 'int',
    default: 5_000,
    min: 0,
    max: 1_000_000_000,
    unit: 'operations',
    says: 'a space with so many final operations is taken as state by a new host; one with fewer operation by operation, with its whole history',
  },
} as const satisfies Record<string, OptionSpec>

export type OptionName = keyof typeof optionTable
type Widen<S extends OptionSpec> = S['kind'] extends 'bool'
  ? boolean
  : S['kind'] extends 'int' | 'bytes'
    ? number
    : S['kind'] extends 'list' | 'listen'
      ? readonly string[]
      : S['default'] extends null
        ? string | null
        : string

/** Every option with its value, already checked. */
export type Config = { readonly [Name in OptionName]: Widen<(typeof optionTable)[Name]> }
/** Where a value came from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default'

export const specs: Readonly<Record<string, OptionSpec>> = optionTable
