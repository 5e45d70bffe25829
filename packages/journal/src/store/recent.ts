import { type Change, type MapName, mapNames } from './port.ts'

/** A batch as one row. For each change: number of the map, length of the key, length of the value + 1 (0: deleted), key, value. */
const changeBytes = 1 + 2 + 4

export const sizeOf = (batch: readonly Change[]): number => batch.reduce((sum, { key, value }) => sum + changeBytes + key.length + (value?.length ?? 0), 0)

export function encodeBatch(batch: readonly Change[], bytes: number): Uint8Array {
  const whole = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const { map, key, value } of batch) {
    at = whole.writeUInt8(mapNumbers.get(map) as number, at)
    at = whole.writeUInt16BE(key.length, at)
    at = whole.writeUInt32BE(value === null ? 0 : value.length + 1, at)
    at += whole.write(key, at, 'latin1')
    if (value === null) continue
    whole.set(value, at)
    at += value.length
  }
  return whole
}

export function decodeBatch(bytes: Uint8Array): Change[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const batch: Change[] = []
  for (let at = 0; at < whole.length; ) {
    const keyFrom = at + changeBytes
    const valueFrom = keyFrom + whole.readUInt16BE(at + 1)
    const length = whole.readUInt32BE(at + 3)
    const end = valueFrom + Math.max(length - 1, 0)
    batch.push({ map: mapNames[whole[at] as number] as MapName, key: whole.toString('latin1', keyFrom, valueFrom), value: length === 0 ? null : bytes.slice(valueFrom, end) })
    at = end
  }
  return batch
}

const mapNumbers: ReadonlyMap<MapName, number> = new Map(mapNames.map((map, number) => [map, number]))
