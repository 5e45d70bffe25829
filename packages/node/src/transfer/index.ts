export { fetchState, type Fetching, type FetchingParts, type StateWanted } from './fetching.ts'
export { StateServing, type ServingOptions, type ServingParts } from './serving.ts'
