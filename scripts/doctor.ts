import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'

/** The health of this checkout; and of the daemon, when one answers on the operator's door. */

const root = process.env['ICN_ROOT'] ?? join(import.meta.dirname, '..')
const say = (state: 'ok' | 'warn' | 'fail', text: string): void => {
  process.stdout.write(`${state.padEnd(5)} ${text}\n`)
  if (state === 'fail') process.exitCode = 10
}

const isTaken = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

say(Number(process.versions.node.split('.')[0]) >= 24 ? 'ok' : 'fail', `Node ${process.versions.node}`)
const { bavail, bsize } = statfsSync(root)
const free = Math.floor((bavail * bsize) / 1_048_576)
say(free > 2_048 ? 'ok' : free > 512 ? 'warn' : 'fail', `${free} MiB free`)
for (const [program, use] of [
  ['promtool', 'tests of metrics; Debian: prometheus'],
  ['git', 'checks'],
] as const)
  say(spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? 'ok' : 'warn', `${program} (${use})`)
let running = false
for (const [port, what] of [
  [8080, 'gateway'],
  [5601, 'JSON-RPC'],
  [9100, 'metrics'],
  [7777, 'other nodes'],
  [7778, 'other nodes, WebSocket'],
] as const) {
  const taken = await isTaken(port)
  running ||= taken && port === 5601
  say('ok', `port ${port} (${what}) is ${taken ? 'in use' : 'free'}`)
}
if (running) {
  process.stdout.write('\nA daemon answers on port 5601:\n')
  process.exitCode =
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'apps/icnctl/src/main.ts'), 'doctor', ...process.argv.slice(2)], { stdio: 'inherit' })
      .status ?? 1
}
