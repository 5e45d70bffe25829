import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inviteCodeText, inviteKeyOf, inviteLink, inviteSeed, readInviteCode, readInviteLink } from '@icn/protocol'
import { csvLine, readCsv } from './csv.ts'
import { mapHeader, readAmount, readDay } from './import-read.ts'
import { extendedOffsets, isTimeZone, newOffsets, nextOffsets } from './time-zone.ts'

test('reads comma, semicolon and tab, quotes and line ends of every system', () => {
  for (const mark of [',', ';', '\t']) {
    const table = readCsv(`\ufeffname${mark}number\r\n"Ada ${mark} Ben"${mark}1\r\n\r\n"says ""hi""\nthere"${mark}2`)
    assert.deepEqual(table?.header, ['name', 'number'])
    assert.deepEqual(
      table?.rows.map((row) => [row.line, ...row.cells]),
      [
        [2, `Ada ${mark} Ben`, '1'],
        [4, 'says "hi"\nthere', '2'],
      ],
    )
  }
  assert.equal(readCsv('name\n"never closed'), undefined)
  assert.deepEqual(readCsv(''), { header: [], rows: [] })
})

test('writes what a spreadsheet cannot run and reads back what it wrote', () => {
  assert.equal(csvLine(['=1+1', '+34 600', '-12', 'a"b', null, 5]), `'=1+1,'+34 600,-12,"a""b",,5\n`)
  const cells = ['a,b', 'c"d', 'e\nf', 'plain']
  assert.deepEqual(readCsv(`w,x,y,z\n${csvLine(cells)}`)?.rows[0]?.cells, cells)
})

test('headers are known in both languages, and strangers are named', () => {
  assert.deepEqual([...mapHeader(['Nombre', 'NÚMERO', 'fecha_alta', 'clase']).at.keys()], ['name', 'number', 'joined_at', 'class'])
  assert.deepEqual(
    mapHeader(['colour', 'name', 'nombre']).problems.map((problem) => problem.code),
    ['IMPORT_COLUMN_UNKNOWN', 'IMPORT_COLUMN_TWICE'],
  )
})

test('days and amounts are read exactly or not at all', () => {
  for (const text of ['2020-02-29', '29.02.2020', '29/2/2020']) assert.equal(readDay(text), Date.UTC(2020, 1, 29), text)
  for (const text of ['2021-02-29', '30.02.2020', '2020-13-01', 'yesterday', '']) assert.equal(readDay(text), undefined, text)
  assert.deepEqual(
    ['12', '12.5', '12,50', '12.500', '0'].map((text) => readAmount(text, 2)),
    ['1200', '1250', '1250', '1250', '0'],
  )
  assert.deepEqual(
    ['12.505', '-1', '1.000,50', 'x', ''].map((text) => readAmount(text, 2)),
    [undefined, undefined, undefined, undefined, undefined],
  )
})

test('a code is forgiven its dashes, case and look-alikes, and makes one key for one coop', () => {
  const code = inviteCodeText(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 255]))
  assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/)
  const plain = readInviteCode(code)
  assert.ok(plain)
  assert.equal(readInviteCode(code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('-', ' ')), plain)
  for (const wrong of ['', 'ABCD', `${plain}X`, plain.replace(/.$/, 'U')]) assert.equal(readInviteCode(wrong), undefined)
  const key = inviteKeyOf(inviteSeed(plain, 'food', 'genesis one'))
  assert.equal(inviteKeyOf(inviteSeed(plain, 'food', 'genesis one')), key)
  assert.notEqual(inviteKeyOf(inviteSeed(plain, 'food', 'genesis two')), key)
  const link = { origin: 'https://food.example', coop_id: 'food:north', genesis: 'bafy', network: 'bafz', inviter: key, code }
  assert.deepEqual(readInviteLink(inviteLink(link)), link)
  assert.equal(readInviteLink('https://food.example/join'), undefined)
})

const at = Date.UTC(2026, 10, 21)

test('a zone’s offsets change when its clocks do', () => {
  const madrid = newOffsets('Europe/Madrid', at)
  assert.deepEqual(madrid.slice(0, 3), [
    [0, 60],
    [Date.UTC(2027, 2, 28, 1), 120],
    [Date.UTC(2027, 9, 31, 1), 60],
  ])
  assert.equal(madrid.length, 21)
  assert.deepEqual(newOffsets('UTC', at), [[0, 0]])
  assert.deepEqual(newOffsets('Asia/Kolkata', at), [[0, 330]])
  assert.deepEqual([isTimeZone('Europe/Madrid'), isTimeZone('Mars/Olympus')], [true, false])
})

test('a calendar that is carried on keeps what has begun', () => {
  const madrid = newOffsets('Europe/Madrid', at)
  const later = Date.UTC(2027, 5, 1)
  const lisbon = nextOffsets(madrid, 'Europe/Lisbon', later)
  assert.deepEqual(lisbon.slice(0, 2), madrid.slice(0, 2))
  assert.equal(lisbon[2]?.[1], 60)
  assert.ok((lisbon[2]?.[0] ?? 0) > later)
  assert.ok(lisbon.every(([from], index) => index === 0 || from > (lisbon[index - 1]?.[0] ?? 0)))
  assert.equal(extendedOffsets(madrid, 'Europe/Madrid', at), undefined, 'ten years are enough')
  const more = extendedOffsets(madrid, 'Europe/Madrid', Date.UTC(2035, 5, 1))
  assert.deepEqual(more?.slice(0, madrid.length), madrid)
  assert.ok((more?.length ?? 0) > madrid.length + 10)
})
