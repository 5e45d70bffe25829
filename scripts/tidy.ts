import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What a machine keeps (style page): arrows between rooms, one door per module, purity of the laws, sizes, names. Run as a test and by `./icn check`. */

const root = join(import.meta.dirname, '..')

export interface Complaint {
  readonly file: string
  readonly text: string
}

/** Each room may import only what stands to its left (architecture page). */
const arrows: Readonly<Record<string, readonly string[]>> = {
  '@icn/protocol': [],
  '@icn/domain': ['@icn/protocol'],
  '@icn/journal': ['@icn/protocol'],
  '@icn/network': ['@icn/protocol'],
  '@icn/node': ['@icn/protocol', '@icn/domain', '@icn/journal', '@icn/network'],
  '@icn/gateway': ['@icn/protocol', '@icn/journal', '@icn/node'],
  '@icn/sdk': ['@icn/protocol'],
  '@icn/testkit': ['@icn/protocol', '@icn/journal'],
  icnctl: ['@icn/protocol', '@icn/sdk'],
  icnd: ['@icn/protocol', '@icn/domain', '@icn/journal', '@icn/network', '@icn/node', '@icn/gateway', '@icn/sdk'],
}

/** Arrows inside domain: module → modules it may import. */
const domainArrows: Readonly<Record<string, readonly string[]>> = {
  space: [],
  identity: ['space'],
  charter: ['identity', 'space'],
  coop: ['charter', 'identity', 'space'],
  commons: ['charter', 'identity', 'space'],
  // No module has an arrow to trust: opinions decide nothing.
  trust: ['identity', 'space'],
}

/** Files over 400 lines, each with its reason. May shrink, never grow. */
const longFiles: Readonly<Record<string, string>> = {
  'packages/protocol/src/operations/coop.ts': 'a table of rows',
  'packages/protocol/src/operations/member.ts': 'a table of rows',
}

/** Functions over 70 lines, each with its reason. */
const longFunctions: Readonly<Record<string, string>> = {
  'apps/icnd/src/compose.ts:openNode': 'the wiring of a node, read top to bottom',
}

// Put together, so that this file does not find itself.
const unfinished = new RegExp(`\\b(${'TO'}DO|${'FIX'}ME)\\b`)
const fileLinesMax = 400
const impure =
  /\b(Date\.now|new Date\(|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|localeCompare|toLocale\w*|Intl\.|process\.|await |async |fetch\()|from 'node:/
const test = /\.(test|prop\.test|bench)\.ts$|\/fixture\.ts$/

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue
    if (entry.isDirectory()) yield* sources(path)
    else if (/\.tsx?$/.test(entry.name)) yield path
  }
}

function roomOf(file: string): string | undefined {
  const [kind, name] = file.split('/')
  if (kind === 'packages') return `@icn/${name}`
  return kind === 'apps' ? name : undefined
}

/** Code without comments and texts, so that a word in a sentence is not taken for a call. */
function bare(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

function checkImports(file: string, code: string, complain: (text: string) => void): void {
  const room = roomOf(file)
  for (const [, specifier] of code.matchAll(/(?:from|import)\s+'([^']+)'/g)) {
    const target = specifier as string
    if (target.startsWith('@icn/')) {
      const other = target.split('/').slice(0, 2).join('/')
      if (room !== undefined && other !== room && !test.test(file) && !(arrows[room] ?? []).includes(other)) complain(`imports ${other}, which does not stand to its left`)
      if (!['.', 'node', 'testing'].includes(target.split('/').slice(2).join('/') || '.')) complain(`reaches past the door of ${other}`)
    }
    if (target.startsWith('.') && !/\.(ts|tsx|json|css)$/.test(target)) complain(`imports ${target} without its ending`)
    checkDomainArrow(file, target, complain)
  }
}

function checkDomainArrow(file: string, target: string, complain: (text: string) => void): void {
  const [, module] = /^packages\/domain\/src\/([a-z]+)\//.exec(file) ?? []
  const [, other, door] = /^\.\.\/([a-z]+)\/(.+)$/.exec(target) ?? []
  if (module === undefined || other === undefined || test.test(file)) return
  if (!(domainArrows[module] ?? []).includes(other)) complain(`${module} imports ${other}, against the arrows of domain`)
  if (door !== 'index.ts') complain(`reaches past the door of ${other}`)
}

function checkShape(file: string, code: string, complain: (text: string) => void): void {
  const plain = bare(code)
  if (/^export default /m.test(plain)) complain('has a default export')
  if (/\benum\s+[A-Z]|\bnamespace\s+[A-Z]/.test(plain)) complain('has an enum or a namespace, which type stripping cannot erase')
  if (/\b(describe|it|test)\.(skip|only|todo)\(/.test(plain)) complain('skips, singles out or leaves a test to be done')
  if (unfinished.test(code)) complain('has an unfinished matter without an issue')
  if (/(^|[-.])\d+\.test\.ts$/.test(file)) complain('is a numbered test file')
  const lines = code.trimEnd().split('\n').length
  if (lines > fileLinesMax && !test.test(file) && longFiles[file] === undefined) complain(`has ${lines} lines; the bound is ${fileLinesMax}`)
  if (file.startsWith('packages/domain/src/') && !test.test(file)) {
    const [found] = impure.exec(plain) ?? []
    if (found !== undefined) complain(`has ${found.trim()} inside domain, where state is a function of operations alone`)
    if (/[^\w.]\d+\.\d+/.test(plain.replace(/'[^']*'|`[^`]*`/g, ''))) complain('has a float inside domain')
  }
}

function checkFunctions(file: string, code: string, complain: (text: string) => void): void {
  if (test.test(file)) return
  const lines = code.split('\n')
  for (const [index, line] of lines.entries()) {
    const start = /^(\s*)(?:export )?(?:async )?(?:function\*? (\w+)|(?:static |async |get |\*|#)*(\w+)\([^)]*\)[^=;]*\{$)/.exec(line)
    if (start === null || !line.trimEnd().endsWith('{')) continue
    const end = lines.findIndex((other, at) => at > index && other.startsWith(`${start[1]}}`))
    const name = start[2] ?? start[3] ?? '?'
    if (['if', 'for', 'while', 'switch', 'catch'].includes(name)) continue
    if (end - index > 70 && longFunctions[`${file}:${name}`] === undefined) complain(`${name} has ${end - index} lines; the bound is 70`)
  }
}

export function tidy(): Complaint[] {
  const complaints: Complaint[] = []
  for (const folder of ['packages', 'apps', 'scripts', 'test']) {
    for (const path of sources(join(root, folder))) {
      const file = relative(root, path)
      const code = readFileSync(path, 'utf8')
      const complain = (text: string): void => {
        complaints.push({ file, text })
      }
      if (!/^[a-z0-9.-]+\.tsx?$/.test(file.split('/').at(-1) as string)) complain('is not named in kebab-case')
      checkImports(file, code, complain)
      checkShape(file, code, complain)
      checkFunctions(file, code, complain)
    }
  }
  return complaints
}

if (import.meta.main) {
  const complaints = tidy()
  for (const { file, text } of complaints) process.stdout.write(`${file} ${text}\n`)
  process.stdout.write(complaints.length === 0 ? 'tidy: nothing to say\n' : `tidy: ${complaints.length} matters\n`)
  process.exitCode = complaints.length === 0 ? 0 : 1
}
