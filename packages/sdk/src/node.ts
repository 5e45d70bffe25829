import { join } from 'node:path'
import { type Did, mainSeed, openKeyFile, type Secret } from '@icn/protocol'
import { ChainPositions, nodeKeyFileCrypto, readKeyFile, signingKeyFromSeed } from '@icn/protocol/node'
import { type Identity, identityOf } from './identity.ts'

/** Opens a sealed key file of a person or device and stands ready to sign with it. `did`: whom the key is a device of. */
export async function openIdentity(file: string, passphrase: Secret, options: { readonly did?: Did } = {}): Promise<Identity> {
  const sealed = await readKeyFile(file)
  const open = await openKeyFile(sealed, passphrase, nodeKeyFileCrypto)
  const key = mainSeed(open).reveal((seed) => signingKeyFromSeed(seed))
  return identityOf(key, new ChainPositions(file), options.did)
}

/** Where `icnctl` and the SDK on Node keep people's keys inside a data directory. */
export const keyFilePath = (dataDir: string, name: string): string => join(dataDir, 'keys', `${name}.key`)
