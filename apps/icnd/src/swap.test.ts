import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { finishSwap, swapStore } from './swap.ts'

const now = Date.UTC(2026, 9, 1, 12)

function folderWith(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'icn-swap-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['store', 'restoring-1/store']) {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'icn.sqlite'), name)
  }
  return folder
}

const storeOf = (folder: string): string => readFileSync(join(folder, 'store', 'icn.sqlite'), 'utf8')

it('puts the new store in the place of the old one, which is kept', (t) => {
  const folder = folderWith(t)
  assert.equal(swapStore(folder, 'restoring-1/store', 'restore', now), 'store.before-restore-20261001T120000Z')
  assert.equal(storeOf(folder), 'restoring-1/store')
  assert.equal(readFileSync(join(folder, 'store.before-restore-20261001T120000Z', 'icn.sqlite'), 'utf8'), 'store')
  assert.deepEqual(readdirSync(join(folder, 'run')), [])
})

it('is brought to its end by the next start, wherever the power went', (t) => {
  const cut = folderWith(t)
  mkdirSync(join(cut, 'run'))
  writeFileSync(join(cut, 'run', 'swap.json'), JSON.stringify({ from: 'restoring-1/store' }))
  // Before the first step: nothing has happened, and nothing does.
  finishSwap(cut)
  assert.equal(storeOf(cut), 'store')
  assert.deepEqual(readdirSync(join(cut, 'run')), [])
  // Between the two: there is no store, and a start would found a network of its own.
  writeFileSync(join(cut, 'run', 'swap.json'), JSON.stringify({ from: 'restoring-1/store' }))
  renameSync(join(cut, 'store'), join(cut, 'store.before'))
  finishSwap(cut)
  assert.equal(storeOf(cut), 'restoring-1/store')
  finishSwap(cut)
  assert.equal(storeOf(cut), 'restoring-1/store')
})
