/** Limits inside laws and formats. A network rule: equal on all nodes, part of the rules digest. Each says what breaks if it moves. */

/** Larger: a batch of 512 no longer fits 4 MiB often enough; smaller: a charter of 48 KiB does not fit. */
export const operationBytesMax = 65_536
/** Larger: one operation could hold the writer for long; smaller: imports need more steps. */
export const operationRowsMax = 1_000
/** Causal parents besides the signer's own chain. Larger: envelopes grow; smaller: heads are not all named and sync asks more often. */
export const seenMax = 16
/** How far ahead of the local clock a received operation may stand before it waits. Larger: a fast clock wins longer; smaller: honest drift is held. */
export const clockAheadMsMax = 60_000
/** Same distance back at a door: what was signed earlier is signed anew, so that doors judge at the tip. */
export const clockBehindMsMax = 60_000
/** Operations waiting for parents or the clock, in a space and of one signer. Larger: memory for strangers; smaller: a slow sync asks again. */
export const heldCountMax = 10_000
export const heldPerSignerMax = 256
/** Wire form of space.checkpoint. */
export const checkpointChangesMax = 300
export const checkpointLayersMax = 16
/** Changes in one page of a vector, and pages over all layers. Larger: more to hold and to fetch before a certificate is understood; smaller: a space with many signers needs more cuts. */
export const vectorPageChangesMax = 4_096
export const checkpointPagesMax = 64
export const checkpointAcksMax = 64
/** A host that was removed counts for the finality of what it was host of for so long. Larger: whoever lost hosts waits longer; smaller: one side of a split is sooner alone in the right. */
export const hostLapseDays = 7
/** Shape of the state tree (snapshot page §7). */
export const leafPairsMax = 256
export const leafBytesMax = 262_144
export const leafBits = 6
