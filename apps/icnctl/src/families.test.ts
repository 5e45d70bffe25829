import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rowOf } from '@icn/protocol'
import { collect } from './collect.ts'
import { Context } from './context.ts'
import { exampleWords } from './examples.ts'
import { type Field, specOf } from './fields.ts'
import { readSettings } from './globals.ts'
import { helpText } from './help.ts'
import { openIo } from './io.ts'
import { buildProgram, leaves } from './program.ts'
import { emptyLists } from './show/columns.ts'
import { textsIn } from './texts/index.ts'

/** What every command about nodes, trust and what they share shows of itself: one without turns this red. */

const families = ['network', 'trust', 'quarantine', 'directory', 'keeper', 'commons', 'coop host', 'coop list']
const commands = leaves().filter(({ path }) => families.some((family) => `${path.join(' ')} `.startsWith(`${family} `)))

/** A machine with nothing on it; an environment that says nothing. */
const context = new Context({
  settings: readSettings({ dataDir: import.meta.dirname }, {}, false, 'en'),
  environment: {},
  io: openIo(() => true),
  texts: textsIn('en'),
  signal: new AbortController().signal,
})

/** Positions and flags of typed words, as the parser tells them apart. */
function typed(words: readonly string[], fields: readonly Field[]) {
  const flags: Record<string, string | boolean> = {}
  const args: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    const field = fields.find(({ flag }) => word === `--${flag}` || word === `--no-${flag}`)
    if (field === undefined) args.push(word)
    else if (field.type === 'boolean') flags[field.name] = word === `--${field.flag}`
    else flags[field.name] = words[++at] as string
  }
  return { args, flags }
}

describe('every command of these families', () => {
  it('is looked at: no family is empty', () => {
    for (const family of families)
      assert.ok(
        commands.some(({ path }) => `${path.join(' ')} `.startsWith(`${family} `)),
        family,
      )
  })

  for (const leaf of commands) {
    const name = leaf.path.join(' ')
    it(`shows an example that can be typed: ${name}`, async () => {
      for (const [language, word] of [
        ['en', 'Example'],
        ['es', 'Ejemplo'],
      ] as const)
        assert.match(helpText(leaf.path, textsIn(language)), new RegExp(`^${word}:\n +icnctl ${name}`, 'm'))
      if ('local' in leaf) {
        const example = leaf.local.example ?? ''
        const words = [...example.matchAll(/'[^']*'|\S+/g)].map(([word]) => word.replaceAll("'", '')).slice(1)
        assert.doesNotThrow(() => buildProgram(words).root.parse([...words], { from: 'user' }))
        return
      }
      const spec = specOf(leaf.method)
      const words = exampleWords(spec)
      assert.doesNotThrow(() => buildProgram(words).root.parse([...words], { from: 'user' }))
      const input = await collect(spec, typed(words.slice(spec.path.length), spec.fields), context)
      assert.deepEqual(input, spec.row.example.input)
    })

    const method = 'method' in leaf ? leaf.method : leaf.local.method
    if (method === undefined || rowOf(method).mode !== 'list') continue
    it(`says of an empty list what would fill it, in words of its own: ${name}`, () => {
      const [en, es] = emptyLists[method] ?? []
      assert.ok(en && es && en !== es)
      const others = Object.entries(emptyLists).filter(([other]) => other !== method)
      assert.deepEqual(
        others.filter(([, texts]) => texts.includes(en) || texts.includes(es)).map(([other]) => other),
        [],
      )
    })
  }
})

it('lists one’s own cooperatives, or those of the directory, by a flag of its own beside --scope', () => {
  for (const flag of ['--mine', '--directory', '--scope', '--type']) assert.ok(helpText(['coop', 'list'], textsIn('en')).includes(flag), flag)
})
