import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newKeyFile, Secret, sealKeyFile, type Did } from '@icn/protocol'
import { nodeKeyFileCrypto, writeKeyFile } from '@icn/protocol/node'
import { openNode, type RunningNode } from '../../icnd/src/compose.ts'
import { loadConfig } from '../../icnd/src/config/load.ts'
import { openLog } from '../../icnd/src/log.ts'
import { ephemeralKeys } from '../../icnd/src/node-key.ts'

/** A node in this process behind real doors, and icnctl as a program of its own, as people run it. */

const passphrase = 'correct horse battery'
/** Tests unlock a key at nearly every run; what makes that slow on purpose has tests of its own. */
const cheap = { passes: 1, memory_kib: 8_192 }

/** What opens every key of these folders. */
export async function writePassphrase(folder: string): Promise<void> {
  await writeFile(join(folder, 'passphrase'), passphrase, { mode: 0o600 })
}

/** A key as `id init` makes it, but quickly. */
export async function writeKey(folder: string, name: string, seed: Uint8Array, label: string): Promise<Did> {
  using secret = Secret.ofText(passphrase)
  const key = newKeyFile('person', new Secret(seed), Date.now(), { label })
  await writeKeyFile(join(folder, 'keys', `${name}.key`), await sealKeyFile(key, secret, nodeKeyFileCrypto, cheap), 'create')
  return key.did
}

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** The last line of stdout as JSON. */
  readonly json: any
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export class Place {
  readonly folder: string
  readonly node: RunningNode
  readonly gateway: string
  readonly rpc: string

  private constructor(folder: string, node: RunningNode) {
    this.folder = folder
    this.node = node
    this.gateway = node.addresses.gateway as string
    this.rpc = (node.addresses.rpc as string).replace('http://', '')
  }

  /** With a clock of its own, or the machine's; stewards may speak in commons. */
  static async open(wall?: () => number, stewards: readonly Did[] = []): Promise<Place> {
    const folder = await mkdtemp(join(tmpdir(), 'icnctl-'))
    const flags = new Map([
      ['data_dir', folder],
      ['gateway.listen', `127.0.0.1:${await freePort()}`],
      ['rpc.listen', `127.0.0.1:${await freePort()}`],
      ['metrics.enabled', 'false'],
      ['gateway.found_by', 'anyone'],
      ['gateway.rate_permille', '1000000'],
    ])
    const { config, origins, faults } = loadConfig({ flags, environment: {}, ephemeral: true })
    if (faults.length > 0) throw new Error(JSON.stringify(faults))
    const log = openLog({ level: 'silent', format: 'json', identities: false })
    const node = await openNode({
      config,
      origins,
      log,
      keys: ephemeralKeys(Date.now()),
      ephemeral: true,
      onFatal: (why) => process.stderr.write(`${why}\n`),
      checkAnswers: true,
      stewards,
      ...(wall === undefined ? {} : { wall }),
    })
    await writeFile(join(folder, 'operator.token'), `${node.operatorToken}\n`, { mode: 0o600 })
    await writePassphrase(folder)
    return new Place(folder, node)
  }

  async close(): Promise<void> {
    await this.node.stop()
    await rm(this.folder, { recursive: true })
  }

  addKey(name: string, byte: number, label = name): Promise<Did> {
    return writeKey(this.folder, name, new Uint8Array(32).fill(byte), label)
  }

  run(args: readonly string[], more: { readonly env?: Record<string, string>; readonly stdin?: string; readonly interruptAfter?: RegExp } = {}): Promise<Ran> {
    return runProgram(args, { ICN_DATA_DIR: this.folder, ICN_PASSPHRASE_FILE: join(this.folder, 'passphrase'), ICN_ENDPOINT: this.rpc, ...more.env }, more)
  }
}

export function runProgram(args: readonly string[], env: Record<string, string>, more: { readonly stdin?: string; readonly interruptAfter?: RegExp } = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), ...args], {
      env: { PATH: process.env['PATH'], TZ: 'UTC', LANG: 'C', HOME: env['ICN_DATA_DIR'] ?? tmpdir(), ...env },
      stdio: 'pipe',
    })
    let [out, err] = ['', '']
    let isInterrupted = false
    // Once: a second Ctrl-C ends the program without a word.
    const look = (): void => {
      if (isInterrupted || !more.interruptAfter?.test(out + err)) return
      isInterrupted = true
      child.kill('SIGINT')
    }
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      look()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
      look()
    })
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({
        code,
        out,
        err,
        get json() {
          return JSON.parse(out.trim().split('\n').at(-1) as string) as unknown
        },
      }),
    )
    child.stdin.end(more.stdin ?? '')
  })
}
