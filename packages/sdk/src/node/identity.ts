import { join } from 'node:path'
import { type Did, type KeyFile, mainSeed, openKeyFile, type OpenKeyFile, type Secret, wipeKeys } from '@icn/protocol'
import { ChainPositions, nodeKeyFileCrypto, readKeyFile, type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { type Identity, lazyIdentity } from '../identity.ts'
import { fileSent } from './sent.ts'

export interface FileIdentityOptions {
  /** Whom the key is a device of; left out: it speaks for its own DID. */
  readonly did?: Did
  /** Opens the sealed file; asked at most once, when the first signature is needed. */
  readonly unlock: (file: KeyFile) => Promise<OpenKeyFile>
}

/** An identity in a key file: chain positions and what has left are kept beside it. Nothing is opened before the first signature. */
export async function fileIdentity(file: string, options: FileIdentityOptions): Promise<Identity> {
  const sealed = await readKeyFile(file)
  const open = async (): Promise<SigningKey> => {
    const opened = await options.unlock(sealed)
    try {
      return mainSeed(opened).reveal((seed) => signingKeyFromSeed(seed))
    } finally {
      wipeKeys(opened)
    }
  }
  return lazyIdentity(sealed.did, open, { positions: new ChainPositions(file), sent: fileSent(file), ...(options.did === undefined ? {} : { did: options.did }) })
}

/** Opens a sealed key file of a person or device with its passphrase and stands ready to sign with it. */
export async function openIdentity(file: string, passphrase: Secret, options: { readonly did?: Did } = {}): Promise<Identity> {
  const opened = openKeyFile(await readKeyFile(file), passphrase, nodeKeyFileCrypto)
  // A wrong passphrase is told now, not at the first signature.
  await opened
  return fileIdentity(file, { unlock: () => opened, ...options })
}

/** Where `icnctl` and the SDK on Node keep people's keys inside a data directory. */
export const keyFilePath = (dataDir: string, name: string): string => join(dataDir, 'keys', `${name}.key`)
