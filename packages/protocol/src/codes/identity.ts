import { defineCodes } from './define.ts'

export const identityCodes = defineCodes({})
