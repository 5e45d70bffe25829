#!/usr/bin/env node
import { writeFileSync } from 'node:fs'
import { KeyFileRefused } from '@icn/protocol'
import { askAt } from '@icn/protocol/node'
import { StoreFault } from '@icn/journal'
import { openNode } from './compose.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { renderConfigDocument, renderConfigFile, renderConfigValues } from './config/print.ts'
import { FolderHeld } from './lock.ts'
import { openLog } from './log.ts'
import { ephemeralKeys, openNodeKeys } from './node-key.ts'
import { NetworkFileRefused } from './network-file.ts'
import { rebuildOffline, restoreOffline } from './offline.ts'
import { PortRefused } from './ports.ts'
import { version } from './version.ts'

/** Exit codes (operating page §2). */
const exits = { stopped: 0, fault: 1, config: 2, store: 3, identity: 4, held: 5 } as const

const usage = `icnd [--option=value …] [--ephemeral]      runs the node
icnd --i-am-the-only-host                  runs a restored node that has nobody to ask what it signed
icnd restore FILE [--dry-run] | rebuild    for a node that stands still; people use icnctl restore, icnctl node rebuild
icnd config show | check | init | schema   options: every value with its origin, faults, a commented file, JSON Schema
icnd help | version

Options are listed in docs/generated/config.md, or by: icnd help options
`

interface Arguments {
  readonly command: readonly string[]
  readonly flags: ReadonlyMap<string, string>
  readonly ephemeral: boolean
  /** Of one command; never options of the node. */
  readonly own: ReadonlyMap<string, string>
}

const ownFlags = new Set(['dry-run', 'passphrase-file', 'key-file', 'as-another-node'])
const ownSwitches = new Set(['dry-run', 'as-another-node'])

function readArguments(args: readonly string[]): Arguments {
  const command: string[] = []
  const flags = new Map<string, string>()
  let ephemeral = false
  const own = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (arg === '--ephemeral') ephemeral = true
    else if (arg === '--i-am-the-only-host') flags.set('node.alone', 'true')
    else if (arg.startsWith('--')) {
      const at = arg.indexOf('=')
      const plain = at < 0 ? arg.slice(2) : arg.slice(2, at)
      if (ownFlags.has(plain)) {
        own.set(plain, at >= 0 ? arg.slice(at + 1) : ownSwitches.has(plain) ? '' : (args[++i] ?? ''))
        continue
      }
      const name = (at < 0 ? arg.slice(2) : arg.slice(2, at)).replace('data-dir', 'data_dir')
      flags.set(name, at < 0 ? (args[++i] ?? '') : arg.slice(at + 1))
    } else command.push(arg)
  }
  return { command, flags, ephemeral, own }
}

function complain(loaded: LoadedConfig): void {
  for (const { where, text } of loaded.faults) process.stderr.write(`${where}: ${text}\n`)
}

function configCommand(loaded: LoadedConfig, verb: string | undefined): number {
  switch (verb) {
    case 'show':
      process.stdout.write(renderConfigValues(loaded))
      complain(loaded)
      break
    case 'check':
      complain(loaded)
      if (loaded.faults.length === 0) process.stdout.write('The configuration holds.\n')
      break
    case 'init':
      writeFileSync(loaded.file, renderConfigFile(), { flag: 'wx', mode: 0o600 })
      process.stdout.write(`${loaded.file}\n`)
      break
    default:
      process.stderr.write(usage)
      return exits.config
  }
  return loaded.faults.length === 0 ? exits.stopped : exits.config
}

function offlineCommand({ config }: LoadedConfig, what: 'restore' | 'rebuild', file: string | undefined, own: ReadonlyMap<string, string>): Promise<number> {
  const ask = process.stdin.isTTY ? askAt(process.stdin, process.stderr) : undefined
  const passphrases = { environment: process.env, warn: (text: string) => void process.stderr.write(`${text}\n`), ...(ask === undefined ? {} : { ask }) }
  const parts = { folder: config.data_dir, passphrases, now: Date.now(), say: (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`) }
  if (what === 'rebuild') return rebuildOffline(parts)
  if (file === undefined) {
    process.stderr.write(usage)
    return Promise.resolve(exits.config)
  }
  return restoreOffline(parts, {
    file,
    dryRun: own.has('dry-run'),
    passphraseFile: own.get('passphrase-file'),
    keyFile: own.get('key-file'),
    anyNode: own.has('as-another-node'),
  })
}

async function runNode(loaded: LoadedConfig, ephemeral: boolean, flags: ReadonlyMap<string, string>): Promise<number> {
  const { config } = loaded
  const log = openLog({ level: config['log.level'], format: config['log.format'], identities: config['log.identities'] })
  const ask = process.stdin.isTTY ? askAt(process.stdin, process.stderr) : undefined
  const passphrases = { environment: process.env, warn: (text: string) => log.warn('passphrase', text), ...(ask === undefined ? {} : { ask }) }
  const keys = ephemeral ? ephemeralKeys(Date.now()) : await openNodeKeys(config.data_dir, passphrases, Date.now())
  let end: (code: number) => void = () => {}
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  // Listened for before anything is opened: a node that is told to stop while it starts stops cleanly, too.
  let hurry: () => Promise<void> = async () => {}
  let signals = 0
  const stop = (): void => {
    end(exits.stopped)
    // A second signal waits for nobody, but the store is flushed all the same.
    if (++signals === 2) void hurry().finally(() => process.exit(exits.fault))
  }
  // Where the size of files is limited, a write beyond it is that write's error and not the end of the process.
  process.on('SIGXFSZ', () => {})
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  const node = await openNode({ config, origins: loaded.origins, log, keys, ephemeral, onFatal: () => end(exits.fault) })
  hurry = () => node.stopNow()
  // What can change while it runs is read again; everything else says so by staying as it was.
  const reload = (): void => {
    const again = loadConfig({ flags, environment: process.env, ephemeral })
    if (again.faults.length > 0) log.warn('reload', 'the configuration has faults; nothing was changed', { count: again.faults.length })
    else {
      log.level = again.config['log.level']
      log.info('reload', 'read the configuration again')
    }
  }
  process.on('SIGHUP', reload)
  const code = await ended
  const late = await node.stop()
  process.off('SIGHUP', reload)
  process.off('SIGTERM', stop)
  process.off('SIGINT', stop)
  return late.length > 0 ? exits.fault : code
}

/** What a failed start means for whoever reads it. */
function exitOf(error: unknown): number {
  const say = (text: string): void => {
    process.stderr.write(`icnd: ${text}\n`)
  }
  if (error instanceof KeyFileRefused) {
    say(`${error.message}${typeof error.params?.['command'] === 'string' ? `\n  run: ${error.params['command']}` : ''}`)
    return exits.identity
  }
  if (error instanceof FolderHeld) {
    say(error.message)
    return exits.held
  }
  if (error instanceof StoreFault) {
    say(error.message)
    return exits.store
  }
  if (error instanceof PortRefused || error instanceof NetworkFileRefused) {
    say(error.message)
    return exits.config
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return exits.fault
}

async function main(): Promise<number> {
  const { command, flags, ephemeral, own } = readArguments(process.argv.slice(2))
  const [noun, verb] = command
  if (noun === 'help') {
    process.stdout.write(verb === 'options' ? renderConfigDocument() : usage)
    return exits.stopped
  }
  if (noun === 'version') {
    process.stdout.write(`icnd ${version}\n`)
    return exits.stopped
  }
  const loaded = loadConfig({ flags, environment: process.env, ephemeral })
  if (noun === 'config') return configCommand(loaded, verb)
  if (noun === 'restore' || noun === 'rebuild') return offlineCommand(loaded, noun, verb, own)
  if (noun !== undefined) {
    process.stderr.write(`icnd: there is no command ${noun}\n${usage}`)
    return exits.config
  }
  if (!ephemeral && loaded.config['store.kind'] === 'memory') {
    process.stderr.write('store.kind: memory forgets everything; say --ephemeral to mean it\n')
    return exits.config
  }
  if (loaded.faults.length > 0) {
    complain(loaded)
    return exits.config
  }
  return runNode(loaded, ephemeral, flags)
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = exitOf(error)
}
