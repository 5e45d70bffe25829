import type { LocalCommand } from '../command.ts'
import { authCommands } from './auth.ts'
import { coopCommands } from './coop.ts'
import { dataCommands } from './data.ts'
import { directoryCommands } from './directory.ts'
import { eventCommands } from './events.ts'
import { explainCommands } from './explain.ts'
import { idCommands } from './id.ts'
import { joinCommands } from './join.ts'
import { keepingCommands } from './keeping.ts'
import { quarantineCommands } from './quarantine.ts'
import { rotateCommands } from './rotate.ts'
import { toolCommands } from './tools.ts'

/** What this program does beyond asking one row. */
export const localCommands: readonly LocalCommand[] = [
  ...idCommands,
  ...rotateCommands,
  ...authCommands,
  ...coopCommands,
  ...directoryCommands,
  ...joinCommands,
  ...quarantineCommands,
  ...dataCommands,
  ...keepingCommands,
  ...explainCommands,
  ...eventCommands,
  ...toolCommands,
]
