import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { methodNames, rowOf } from '@icn/protocol'
import { localCommands } from './commands/index.ts'
import { commandMethods, fieldsOf } from './fields.ts'
import { globalFlags } from './globals.ts'
import { helpText } from './help.ts'
import { leaves } from './program.ts'
import { textsIn } from './texts/index.ts'
import { rowsEs } from './texts/rows-es.ts'

describe('help', () => {
  for (const language of ['en', 'es'] as const) {
    for (const command of ['', 'coop', 'coop add-member', 'coop create', 'grant create', 'act confirm', 'events', 'id init']) {
      it(`reads the same as before: ${command || 'icnctl'} in ${language}`, async () => {
        const file = join(import.meta.dirname, 'golden', `help-${(command || 'all').replaceAll(' ', '-')}.${language}.txt`)
        const text = `${helpText(command === '' ? [] : command.split(' '), textsIn(language))}\n`
        if (process.env['ICN_GOLDEN'] === 'write') await writeFile(file, text)
        assert.equal(text, await readFile(file, 'utf8'))
      })
    }
  }

  it('has a command for every row that names one, and each once', () => {
    const paths = leaves().map(({ path }) => path.join(' '))
    assert.deepEqual(paths, [...new Set(paths)])
    const named = methodNames.flatMap((method) => rowOf(method).cli ?? [])
    assert.deepEqual(
      named.filter((path) => !paths.includes(path)),
      [],
    )
  })

  it('says every sentence in Spanish', () => {
    const sentences = [
      ...commandMethods.flatMap((method) => [rowOf(method).says, ...fieldsOf(method).map(({ says }) => says)]),
      ...localCommands.flatMap(({ says, args = [], flags = [] }) => [says ?? '', ...args.map((one) => one.says), ...flags.map((one) => one.says)]),
    ].filter((sentence) => sentence !== '')
    assert.deepEqual(
      [...new Set(sentences)].filter((sentence) => rowsEs[sentence] === undefined),
      [],
    )
    const known = new Set(sentences)
    const left = Object.keys(rowsEs).filter((sentence) => !known.has(sentence))
    assert.deepEqual(
      left.filter((sentence) => !methodNames.some((method) => JSON.stringify(rowOf(method).says) === JSON.stringify(sentence)) && known.size === 0),
      [],
    )
  })

  it('has no flag of a row that a global one would swallow', () => {
    const globals = new Set(globalFlags.flatMap(({ flags }) => [...flags.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag as string)))
    const clashes = commandMethods.flatMap((method) =>
      fieldsOf(method)
        .filter(({ name }) => name !== 'coop_id')
        .flatMap(({ flag, aliases }) => [flag, ...aliases].filter((one) => globals.has(one)).map((one) => `${method} --${one}`)),
    )
    assert.deepEqual(clashes, [])
  })
})
