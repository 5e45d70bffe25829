import { createServer } from 'node:net'
import { parseAddress } from './config/load.ts'
import type { Config } from './config/option.ts'

/** An address that a door cannot have; says which option changes it. */
export class PortRefused extends Error {
  override readonly name = 'PortRefused'

  constructor(option: string, address: string, cause: unknown) {
    super(`${address} ${whys[codeOf(cause) ?? ''] ?? 'cannot be listened on'}; choose another with --${option}=…`, { cause })
  }
}

const whys: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
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
}

function tryPort({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })
}
