#!/usr/bin/env node
import { run } from './run.ts'

// Writing to a pipe that nobody reads any more is the end of a command, not a failure of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await run(process.argv.slice(2), process.env)
