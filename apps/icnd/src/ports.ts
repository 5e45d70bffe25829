import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseAddress } from './config/load.ts'
import type { Config } from './config/option.ts'

/** An address that a door cannot have; says which option changes it. */
export class PortRefused extends Error {
  override readonly name = 'PortRefused'

  constructor(option: string, address: string, cause: unknown) {
    const port = parseAddress(address)?.port ?? Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0)
    const holder = codeOf(cause) === 'EADDRINUSE' ? holderOf(port) : undefined
    super(`${address} ${whys[codeOf(cause) ?? ''] ?? 'cannot be listened on'}${holder === undefined ? '' : ` (pid ${holder})`}; choose another with --${option}=…`, { cause })
  }
}

const whys: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
}

/** Who listens on a port of this machine, where /proc shows it and the process is one that this user may look at. */
function holderOf(port: number): number | undefined {
  try {
    const listening = '0A'
    const inodes = new Set(
      ['tcp', 'tcp6'].flatMap((table) =>
        readFileSync(`/proc/net/${table}`, 'latin1')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, , state]) => state === listening && Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
          .map((columns) => `socket:[${columns[9]}]`),
      ),
    )
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => descriptorsOf(pid).some((descriptor) => inodes.has(descriptor)))
  } catch {
    return undefined
  }
}

function descriptorsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((descriptor) => {
      try {
        return readlinkSync(`${folder}/${descriptor}`)
      } catch {
        return ''
      }
    })
  } catch {
    return []
  }
}

const codeOf = (error: unknown): string | undefined => (error as { readonly code?: string } | null)?.code

/** An error of listening in words for whoever chose the address; others as they are. */
export function asPortRefused(option: string, address: string, error: unknown): unknown {
  return (codeOf(error) ?? '') in whys ? new PortRefused(option, address, error) : error
}

/** Throws PortRefused for the first door whose address is not free. Asked before the store is opened, so that such a start leaves no trace; a port that is lost later is told by the door itself. */
export async function demandPorts(config: Config): Promise<void> {
  for (const door of ['gateway', 'rpc', 'metrics'] as const) {
    const address = config[`${door}.listen`]
    const parsed = parseAddress(address)
    if (!config[`${door}.enabled`] || parsed === undefined || parsed.port === 0) continue
    await tryPort(parsed).catch((error: unknown) => {
      throw asPortRefused(`${door}.listen`, address, error)
    })
  }
  for (const option of ['network.listen_addr', 'network.ws_listen_addr'] as const)
    for (const address of config[option]) {
      const [, , host = '', , port] = address.split('/')
      if (Number(port) === 0) continue
      await tryPort({ host, port: Number(port) }).catch((error: unknown) => {
        throw asPortRefused(option, address, error)
      })
    }
}

function tryPort({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })
}
