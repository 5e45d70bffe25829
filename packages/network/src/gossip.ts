import { gossipDataBytesMax, sha256, utf8 } from '@icn/protocol'
import { type GossipSub, type GossipsubOpts, gossipsub, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { createPeerScoreParams, createTopicScoreParams } from '@libp2p/gossipsub/score'
import { peerIdFromString } from '@libp2p/peer-id'
import { didOfPeer } from './peer-id.ts'
import { type GossipParts, gossipTopics } from './wire.ts'

/** What everybody may know, spread without anybody asking (network page §2). It only saves time: what is lost here, the streams bring. */

const messageIdBytes = 20

const verdicts = { accept: TopicValidatorResult.Accept, ignore: TopicValidatorResult.Ignore, reject: TopicValidatorResult.Reject } as const

/** The settings of every node; messages carry no signature of their own, because what is in them does. */
export function gossipOptions(parts: Pick<GossipParts, 'penaltyOf'>): Partial<GossipsubOpts> {
  const topic = createTopicScoreParams({
    topicWeight: 1,
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -10,
    invalidMessageDeliveriesDecay: 0.9,
  })
  return {
    D: 6,
    Dlo: 4,
    Dhi: 12,
    heartbeatInterval: 1_000,
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ topic: name, data }) => sha256(new Uint8Array([...utf8(name), ...data])).subarray(0, messageIdBytes),
    allowedTopics: [...gossipTopics],
    maxInboundDataLength: gossipDataBytesMax,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    floodPublish: false,
    doPX: false,
    emitSelf: false,
    // A tagged peer would be dialled again by libp2p, past our ladder.
    tagMeshPeers: false,
    scoreParams: createPeerScoreParams({
      topics: Object.fromEntries(gossipTopics.map((name) => [name, topic])),
      appSpecificScore: (peer) => -parts.penaltyOf(didOfPeer(peerIdFromString(peer))),
      appSpecificWeight: 1,
      IPColocationFactorThreshold: 8,
      IPColocationFactorWeight: -5,
      // Behind a proxy, and where many nodes try something on one machine, everybody has this address: it says nothing about who they are.
      IPColocationFactorWhitelist: new Set(['127.0.0.1', '::1']),
      decayInterval: 60_000,
    }),
    scoreThresholds: { gossipThreshold: -50, publishThreshold: -100, graylistThreshold: -200 },
  }
}

export const gossipService = (parts: GossipParts): ReturnType<typeof gossipsub> => gossipsub(gossipOptions(parts))

/** Judges what comes before it goes on; called before the host is started, so that nothing passes unjudged. */
export function joinTopics(gossip: GossipSub, parts: GossipParts, fault: (error: unknown) => void): void {
  for (const topic of gossipTopics) {
    gossip.topicValidators.set(topic, async (from, message) => {
      try {
        return verdicts[await parts.judge(didOfPeer(from), topic, message.data)]
      } catch (error) {
        fault(error)
        return TopicValidatorResult.Ignore
      }
    })
  }
}

export function subscribeAll(gossip: GossipSub): void {
  for (const topic of gossipTopics) gossip.subscribe(topic)
}
