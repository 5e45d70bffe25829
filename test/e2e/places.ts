import type { TestNode } from './harness.ts'

/** Multiaddrs at which others reach a node. */
export const placesOf = (node: TestNode): readonly string[] => (node.at.network?.status().addresses ?? []).map(({ address }) => address)
