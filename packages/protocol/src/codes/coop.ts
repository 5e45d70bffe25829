import { defineCodes } from './define.ts'

export const coopCodes = defineCodes({})
