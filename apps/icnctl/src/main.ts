#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Before anything else is loaded: the second start reads what the first has compiled.
enableCompileCache()
const { run } = await import('./run.ts')

// Writing to a pipe that nobody reads any more is the end of a command, not a failure of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await run(process.argv.slice(2), process.env)
