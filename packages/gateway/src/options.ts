import type { RowCost } from '@icn/protocol'

/** Options of the doors; configuration fills them in. Each has a default and a unit in its name. */
export interface GatewayOptions {
  /** Where it listens: host and port. */
  readonly host: string
  readonly port: number
  /** Audience of tokens, base of links; default `http://<host>:<port>`. */
  readonly publicOrigin: string
  /** Further values of the Host header, without port. */
  readonly hosts: readonly string[]
  readonly corsOrigins: readonly string[]
  /** Rows that need no session are open to every origin. */
  readonly corsPublic: boolean
  /** Addresses or networks (CIDR) whose forwarding headers are believed. */
  readonly trustedProxies: readonly string[]
  /** Where a listed operator's session may use operator rows. */
  readonly operatorAccess: 'never' | 'loopback' | 'always'
  /** JSON-RPC at /v1/rpc of the gateway, without operator rows. */
  readonly rpc: boolean
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** Larger: memory for one request; smaller: an import's text does not fit. */
  readonly bodyBytesMax: number
  readonly submitBytesMax: number
  readonly uploadBytesMax: number
  readonly handlerTimeoutMs: number
  readonly socketsMax: number
  readonly socketsPerDidMax: number
  readonly socketsPerAddressMax: number
  readonly eventsBufferBytesMax: number
  /** Scales every rate limit; 1000 is the table. */
  readonly ratePermille: number
  readonly batchMax: number
}

export const gatewayDefaults: GatewayOptions = {
  host: '127.0.0.1',
  port: 8080,
  publicOrigin: 'http://127.0.0.1:8080',
  hosts: [],
  corsOrigins: [],
  corsPublic: false,
  trustedProxies: [],
  operatorAccess: 'loopback',
  rpc: false,
  tls: null,
  bodyBytesMax: 262_144,
  // A hundred operations of 64 KiB grow by a third as base64url and JSON.
  submitBytesMax: 100 * 90_000,
  uploadBytesMax: 2_097_152,
  handlerTimeoutMs: 30_000,
  socketsMax: 1_000,
  socketsPerDidMax: 10,
  socketsPerAddressMax: 100,
  eventsBufferBytesMax: 67_108_864,
  ratePermille: 1_000,
  batchMax: 100,
}

export const urlBytesMax = 8_192
export const headerBytesMax = 16_384
export const headersTimeoutMs = 10_000
export const bodyTimeoutMs = 30_000
export const idleTimeoutMs = 75_000
/** A reader that takes nothing for so long is cut off. */
export const stalledTimeoutMs = 60_000

/** Token buckets by class (doors page §7): burst and refill a second. */
export const rateTable: Readonly<Record<RowCost, { readonly burst: number; readonly perSecond: number }>> = {
  auth: { burst: 20, perSecond: 2 },
  public: { burst: 60, perSecond: 10 },
  read: { burst: 200, perSecond: 20 },
  write: { burst: 60, perSecond: 6 },
  govern: { burst: 30, perSecond: 3 },
  compute: { burst: 10, perSecond: 1 },
  heavy: { burst: 5, perSecond: 0.2 },
  operator: { burst: 200, perSecond: 50 },
}
/** Heavy calls at once: of one caller, of the node. */
export const heavyPerCallerMax = 2
export const heavyMax = 8
