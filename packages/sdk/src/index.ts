export { type Client, type ClientParts, type ConnectOptions, connect, type Download, type Drafted, type InputFor, type Listing, type Read } from './client.ts'
export * from './errors.ts'
export type { EventItem, EventPosition, EventStream, EventsOptions, IcnEvent } from './events.ts'
export {
  type ChainEnd,
  type Identity,
  type IdentityParts,
  identityOf,
  lazyIdentity,
  memoryPositions,
  memorySent,
  type PositionStore,
  type SentOperation,
  type SentStore,
} from './identity.ts'
export type { RetryOptions } from './retry.ts'
export type { Pin, PinStore, StoredTokens, TokenStore } from './session.ts'
export { type CallOptions, newIdempotencyKey, type WireMeta } from './transport.ts'
export type { JobState, OperationState, WaitOptions } from './wait.ts'
