export { type TrustDoorParts, trustHandlers, type TrustMethod } from './handlers.ts'
export { TrustSweeper } from './sweep.ts'
export { perspectiveMax, Trust, type TrustAnswer, trustDefaults, type TrustOptions, type Viewer } from './trust.ts'
