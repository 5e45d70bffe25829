import { defineCodes } from './define.ts'

export const doorCodes = defineCodes({})
