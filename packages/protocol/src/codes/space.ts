import { defineCodes } from './define.ts'

export const spaceCodes = defineCodes({})
