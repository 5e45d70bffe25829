import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dayMs, type SpaceId } from '@icn/protocol'
import { type ArchiveFile, type Keep, surplusArchives } from './rotation.ts'

/** So many archives of a space, one a day, newest first. */
const daily = (count: number, space = 'coop:food', bytes = 10): ArchiveFile[] =>
  Array.from({ length: count }, (_, n) => ({ name: `${space} ${n}`, file: `/${space} ${n}`, space: space as SpaceId, at: 1_790_000_000_000 - n * dayMs, bytes }))

type Standing = Parameters<typeof surplusArchives>[2]
const nobody: Standing = { isPinned: () => false, isProven: () => false }
const keep = (change: Partial<Keep> = {}): Keep => ({ count: 1, daily: 0, weekly: 0, monthly: 0, bytesMax: 1_000_000, ...change })
const left = (files: readonly ArchiveFile[], rules: Keep, standing: Standing = nobody): string[] => {
  const gone = new Set(surplusArchives(files, rules, standing))
  return files.filter((file) => !gone.has(file)).map(({ name }) => name.replace(/^.* /, ''))
}

describe('archives that stay', () => {
  it('are the newest of each space, and one of each day, week and month before', () => {
    assert.deepEqual(left(daily(10), keep({ count: 3 })), ['0', '1', '2'])
    assert.deepEqual(left(daily(10), keep({ daily: 5 })), ['0', '1', '2', '3', '4'])
    assert.equal(left(daily(60), keep({ weekly: 4 })).length, 4)
    assert.equal(left(daily(200), keep({ count: 3, daily: 7, weekly: 4, monthly: 6 })).length > 10, true)
    assert.deepEqual(left([...daily(2), ...daily(2, 'coop:care')], keep()), ['0', '0'])
  })

  it('are the last proven one and pinned ones, whatever else is asked for', () => {
    const standing = { isPinned: (name: string) => name.endsWith(' 7'), isProven: (name: string) => / [58]$/.test(name) }
    assert.deepEqual(left(daily(10), keep(), standing), ['0', '5', '7'])
    assert.deepEqual(left(daily(10), keep({ count: 9, bytesMax: 1 }), standing), ['0', '5', '7'], 'not even for want of room')
  })

  it('fit: the oldest go first', () => {
    assert.deepEqual(left(daily(10), keep({ count: 10, bytesMax: 45 })), ['0', '1', '2', '3'])
  })
})
