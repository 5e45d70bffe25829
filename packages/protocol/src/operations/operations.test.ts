import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { envelopeOf, methodNames, operations, pageOf, pathFields, reservedParams, restMethod, restPath, rowOf } from '../index.ts'

type Name = (typeof methodNames)[number]
const inputShape = (method: Name) =>
  (z.toJSONSchema(rowOf(method).input, { io: 'input', unrepresentable: 'any' }) as { properties?: Record<string, { description?: string }> }).properties ?? {}

test('every example fits the schemas of its row', () => {
  for (const method of methodNames) {
    const row = rowOf(method)
    const input = row.input.safeParse(row.example.input)
    assert.ok(input.success, `${method} input: ${JSON.stringify(input.error?.issues)}`)
    const output = (row.mode === 'list' ? pageOf(row.output) : row.output).safeParse(row.example.output)
    assert.ok(output.success, `${method} output: ${JSON.stringify(output.error?.issues)}`)
    assert.ok(envelopeOf(row.output).safeParse({ outcome: 'drafted', value: null, operations: [], decision: null, warnings: [] }).success)
  }
})

test('names, paths and commands are each used once', () => {
  const namings = [(method: Name) => rowOf(method).rest.replaceAll(/\{[a-z_]+\}/g, '{}'), (method: Name) => rowOf(method).cli]
  for (const naming of namings) {
    const seen = new Map<string, string>()
    for (const method of methodNames) {
      const name = naming(method)
      if (name === undefined) continue
      assert.equal(seen.get(name), undefined, `${name}: ${method} and ${seen.get(name)}`)
      seen.set(name, method)
    }
  }
})

test('a plural is followed only by an id, an id or singular only by literals', () => {
  const singular = new Set([
    'me',
    'auth',
    'node',
    'charter',
    'import',
    'calendar',
    'settings',
    'founding',
    'export',
    'stats',
    'log',
    'trust',
    'network',
    'hosting',
    'ticket',
    'commons',
  ])
  for (const method of methodNames) {
    const segments = restPath(rowOf(method)).split('/').slice(2)
    for (const [i, segment] of segments.entries()) {
      const next = segments[i + 1]
      if (next === undefined || segment.startsWith('{')) {
        if (next !== undefined) assert.ok(!next.startsWith('{'), `${method}: ${segment}/${next}`)
        continue
      }
      if (singular.has(segment)) assert.ok(!next.startsWith('{'), `${method}: ${segment}/${next}`)
      else assert.ok(next.startsWith('{'), `${method}: ${segment}/${next}`)
    }
  }
})

test('path fields are inputs, every input has a sentence, and no input uses a reserved name', () => {
  for (const method of methodNames) {
    const shape = inputShape(method)
    for (const field of pathFields(rowOf(method).rest)) assert.ok(Object.hasOwn(shape, field), `${method}: ${field}`)
    for (const [name, schema] of Object.entries(shape)) {
      assert.ok(schema.description !== undefined, `${method}: ${name} has no sentence`)
      assert.ok(!(reservedParams as readonly string[]).includes(name), `${method}: ${name} is reserved`)
    }
    if (restMethod(rowOf(method)) === 'GET') assert.ok(['read', 'list', 'download', 'stream'].includes(rowOf(method).mode), method)
  }
})

test('a template of a space names an input', () => {
  for (const method of methodNames) for (const match of rowOf(method).space.matchAll(/\{([a-z_]+)\}/g)) assert.ok(Object.hasOwn(inputShape(method), match[1] as string), method)
  assert.equal(operations['coop.get'].mode, 'read')
})
