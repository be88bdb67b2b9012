import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const PIECE_BYTES = 2 ** 18;

/**
 * The CRC-32 of a file as 8 hexadecimal digits. The file is read in pieces while other work
 * continues.
 */
export async function crc32OfFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let sum = 0;
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES);
      if (bytesRead === 0) return toHex(sum);
      sum = crc32(piece.subarray(0, bytesRead), sum);
    }
  } finally {
    await file.close();
  }
}

/** JSON with the CRC-32 of its other fields as the last field. */
export function toCheckedJson(record: object): string {
  const sum = toHex(crc32(JSON.stringify(record)));
  return `${JSON.stringify({ ...record, crc32: sum }, null, 2)}\n`;
}

/** Whether the CRC-32 of a record fits its other fields. */
export function isChecked(checked: object): boolean {
  const { crc32: sum, ...record } = checked as { crc32?: unknown };
  return sum === toHex(crc32(JSON.stringify(record)));
}

function toHex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
