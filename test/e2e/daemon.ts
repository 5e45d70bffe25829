import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { restDoor, rpcDoor } from './doors.ts'
import { passphrase, type TestNode, testFlags, until, writeNodeKey } from './harness.ts'

/** The daemon as whoever runs it meets it: a process, its exit, its lines. */

const main = join(import.meta.dirname, '../../apps/icnd/src/main.ts')
const quiet = '--disable-warning=ExperimentalWarning'
const environment = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: join(tmpdir(), 'icn-compile') }

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process and everything it wrote. */
export class Running {
  readonly child: ChildProcess
  out = ''
  errors = ''
  readonly ended: Promise<Ended>

  constructor(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [quiet, ...args], { env: { ...environment, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
    // All it wrote has arrived when `close` is told, not yet at `exit`.
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
  }

  /** How it ended; fails the test, and kills it, when it does not end by itself. */
  async end(ms = 15_000): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.child.kill('SIGKILL')
        reject(new Error(`it did not end in ${ms} ms\n${this.out}\n${this.errors}`))
      }, ms)
    })
    try {
      return await Promise.race([this.ended, late])
    } finally {
      clearTimeout(timer)
    }
  }

  get lines(): readonly Readonly<Record<string, unknown>>[] {
    return this.out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  }
}

/** A piece of code in a process of its own. */
export function runCode(code: string): Running {
  return new Running(['--input-type=module-typescript', '--eval', code])
}

/** The daemon on ports of its own, with whatever else it is told. */
export function runDaemon(more: readonly string[], env: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>> = {}): Running {
  const all = { ...testFlags, 'log.level': 'info', ...flags }
  return new Running([main, ...Object.entries(all).map(([name, value]) => `--${name}=${value}`), ...more], env)
}

/** A data folder with a key file and its passphrase, and the daemons that run on it. */
export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), 'icn-daemon-'))
  readonly #started: Running[] = []

  static async make(): Promise<Home> {
    const home = new Home()
    await writeNodeKey(home.folder)
    writeFileSync(home.passphraseFile, passphrase, { mode: 0o600 })
    return home
  }

  get passphraseFile(): string {
    return join(this.folder, 'passphrase')
  }

  /** Starts the daemon; what it says at `info` tells where it listens. */
  run(flags: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, string>> = { ICN_PASSPHRASE_FILE: this.passphraseFile }): Running {
    const running = runDaemon([`--data_dir=${this.folder}`], more, flags)
    this.#started.push(running)
    return running
  }

  async open(flags: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, string>> = {}): Promise<Daemon> {
    const running = this.run(flags, { ICN_PASSPHRASE_FILE: this.passphraseFile, ...more })
    const at = (name: string): string => String(running.lines.find((line) => line['event'] === 'listening' && line['name'] === name)?.['address'])
    await until('the daemon to be ready', () => running.child.exitCode !== null || running.out.includes('"event":"ready"'), 20_000)
    assert.equal(running.child.exitCode, null, `the daemon ended by itself\n${running.out}\n${running.errors}`)
    return { running, rest: restDoor(at('gateway')), rpc: rpcDoor(at('rpc')), metrics: at('metrics') }
  }

  async dispose(): Promise<void> {
    for (const { child, ended } of this.#started) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface Daemon {
  readonly running: Running
  readonly rest: ReturnType<typeof restDoor>
  readonly rpc: ReturnType<typeof rpcDoor>
  readonly metrics: string
}

/** A daemon in a process of its own as the people of the tests know their node. */
export async function nodeAt(daemon: Daemon): Promise<TestNode> {
  const { network } = (await daemon.rpc.ask('node.about', {})).body
  return { rest: daemon.rest, rpc: daemon.rpc, network } as unknown as TestNode
}
