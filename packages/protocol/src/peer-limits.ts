/** Limits of a node towards its peers (network page §12). No rule of the network: a node that has others still agrees with everybody. Too large hurts memory, too small hurts convergence. */

/** Connections to one peer: two that cross, and the same while a better one is tried. Larger: sockets for nothing; smaller: a better path cannot be tried beside the one in use. */
export const connectionsPerPeerMax = 4
/** Connections from one address. Larger: one machine takes many places; smaller: a house full of nodes does not get in. */
export const connectionsPerAddressMax = 16
/** The same for this machine and for whom the operator has named. */
export const connectionsPerRoomyAddressMax = 64
/** Streams that a peer may open on one connection. Larger: memory for whoever opens and says nothing; smaller: questions wait for one another. */
export const inboundStreamsMax = 64
/** Bytes of one message by gossip. Larger: one message fills a slow link; smaller: more messages. */
export const gossipDataBytesMax = 131_072
/** Ladders that are climbed at once. Larger: a start floods the router's table of connections; smaller: a peer that does not answer keeps others waiting. */
export const laddersMax = 16
/** Nodes whose records are kept, the newest of each. Larger: memory for strangers; smaller: in a large network somebody is forgotten whom nobody else here knows. */
export const recordsKeptMax = 10_000
/** Whoever has begun a frame goes on with it within this, unless nothing is read from them [ms]. Larger: whoever stops in the middle keeps memory and a place; smaller: a very slow line is cut. */
export const frameStallMs = 30_000
