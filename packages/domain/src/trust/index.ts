export { checkTrust } from './check.ts'
export { dueEdges, trustLaws } from './edges.ts'
export { explainTrust, type TrustChange, type TrustExplanation } from './explain.ts'
export { countEdges, type EdgeView, edgeOf, edgesBy, edgesTo, isInTrust } from './queries.ts'
export {
  classOf,
  combine,
  effectiveTrust,
  type GraphScore,
  type GraphScores,
  graphWeights,
  type Hop,
  type LocalTrust,
  type Perspective,
  type TrustClass,
  trustClasses,
  trustIn,
} from './score.ts'
export { edges as trustEdges, type EdgeRow as TrustEdgeRow, trustTables } from './tables.ts'
