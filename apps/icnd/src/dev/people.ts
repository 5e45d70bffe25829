import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Did, didOfKey, newKeyFile, Secret, sealKeyFile } from '@icn/protocol'
import { nodeKeyFileCrypto, type SigningKey, signingKeyFromSeed, writeKeyFile } from '@icn/protocol/node'

/** People of the development network. Their keys follow from their names, so a fresh network knows the same people; never use them elsewhere. */
export interface Person {
  readonly name: string
  readonly did: Did
  readonly key: SigningKey
}

export const devPassphrase = 'development only'

const seedOf = (name: string): Uint8Array => createHash('sha256').update(`icn development network, ${name}`).digest()

export function personNamed(name: string): Person {
  const key = signingKeyFromSeed(seedOf(name))
  return { name, did: didOfKey(key.publicKey), key }
}

/** Writes sealed key files, cheap to open: the passphrase is printed anyway. */
export async function writeKeys(dataDir: string, names: readonly string[], now: number): Promise<void> {
  for (const name of names) {
    const file = newKeyFile('person', new Secret(Uint8Array.from(seedOf(name))), now, { label: name })
    const sealed = await sealKeyFile(file, Secret.ofText(devPassphrase), nodeKeyFileCrypto, { passes: 1, memory_kib: 8_192 })
    await writeKeyFile(join(dataDir, 'keys', `${name.toLowerCase()}.key`), sealed, 'create')
  }
}

/** Members who have no key file: they fill the register. */
export const generatedNames: readonly string[] = [
  'Ada',
  'Bela',
  'Cora',
  'Dario',
  'Enno',
  'Fay',
  'Gil',
  'Hana',
  'Ivo',
  'Jona',
  'Kaja',
  'Leo',
  'Mara',
  'Nils',
  'Oda',
  'Pia',
  'Quim',
  'Rosa',
  'Sem',
  'Tilda',
  'Udo',
  'Vera',
  'Wim',
  'Xenia',
  'Yara',
  'Zeno',
  'Alma',
  'Bruno',
  'Clea',
  'Dina',
  'Emil',
  'Flora',
  'Gero',
  'Hedda',
  'Ines',
  'Jaro',
]
