import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every package that is delivered has a licence that goes with Apache-2.0, and every direct one a row in docs/dependencies.md. */

const root = join(import.meta.dirname, '..')
const compatible = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
  'CC-BY-4.0',
  'Python-2.0',
  'MPL-2.0',
])

interface LockEntry {
  readonly dev?: boolean
  readonly link?: boolean
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: Readonly<Record<string, LockEntry>> }
const complaints: string[] = []

/** `A OR B` needs one, `A AND B` both. */
const fits = (licence: string): boolean =>
  licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => compatible.has(one.trim())))

for (const [path, entry] of Object.entries(lock.packages)) {
  if (!path.startsWith('node_modules/') || entry.link || entry.dev) continue
  const file = join(root, path, 'package.json')
  const licence = entry.license ?? (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { license?: string }).license : undefined)
  if (licence === undefined || !fits(licence)) complaints.push(`${path.slice('node_modules/'.length)} has licence ${licence ?? 'none'}`)
}

const rows = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path.includes('node_modules/')) continue
  for (const name of Object.keys({ ...entry.dependencies, ...entry.devDependencies }))
    if (!name.startsWith('@icn/') && !rows.includes(`\`${name}\``)) complaints.push(`${name} has no row in docs/dependencies.md`)
}

for (const complaint of complaints) process.stdout.write(`${complaint}\n`)
process.stdout.write(complaints.length === 0 ? 'licences: all go with Apache-2.0\n' : '')
process.exitCode = complaints.length === 0 ? 0 : 1
