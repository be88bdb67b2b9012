/**
 * Writes a set of price files as large as the real one. It repeats the files of a small set under
 * new symbols.
 *
 *     node bench/data/make-set.ts TARGET [FILES] [ROWS] [SOURCE]
 *
 * Each copy keeps only its last rows, so that all have about ROWS together.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSource } from '../../tasks/ingest/open-source.ts';
import { METADATA, type SourceFile } from '../../tasks/ingest/source-files.ts';

const SAMPLE = fileURLToPath(new URL('../../data/sample.zip', import.meta.url));
const METADATA_HEADER = 'Nasdaq Traded,Symbol,Security Name,Listing Exchange,ETF,NASDAQ Symbol';

const [target, files = '8049', rows = '28151758', from = SAMPLE] = process.argv.slice(2);
if (!target) throw new Error('usage: node bench/data/make-set.ts TARGET [FILES] [ROWS] [SOURCE]');
await makeSet(target, Number(files), Number(rows), from);

/** Does nothing if the target was made with the same arguments. */
async function makeSet(target: string, files: number, rows: number, from: string): Promise<void> {
  const description = `${JSON.stringify({ files, rows, from: from === SAMPLE ? 'sample' : from })}\n`;
  if ((await readFile(join(target, 'made.json'), 'utf8').catch(() => '')) === description) return;
  const partial = `${target}.${process.pid}`;
  const source = await openSource(from);
  try {
    const originals: (SourceFile & { header: string; lines: string[] })[] = [];
    for (const file of source.files) {
      const [header = '', ...lines] = (await source.read(file)).toString('utf8').trimEnd().split('\n');
      originals.push({ ...file, header, lines });
    }
    const copies = files / originals.length;
    const share = rows / copies / originals.reduce((sum, { lines }) => sum + lines.length, 0);
    const metadata = [METADATA_HEADER];
    for (let index = 0; index < files; index++) {
      const original = originals[index % originals.length] as (typeof originals)[number];
      const { name, header, lines, symbol } = original;
      const copy = `${Math.floor(index / originals.length)}.${symbol}`;
      const path = join(partial, name.includes('etfs/') ? 'etfs' : 'stocks', `${copy}.csv`);
      if (index < 2 * originals.length) await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${[header, ...lines.slice(-Math.ceil(lines.length * share))].join('\n')}\n`);
      metadata.push(`Y,${copy},"${symbol}, copy ${index}",Q,N,${copy}`);
    }
    await writeFile(join(partial, METADATA), `${metadata.join('\n')}\n`);
    await writeFile(join(partial, 'made.json'), description);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
  } finally {
    source.close();
    await rm(partial, { recursive: true, force: true });
  }
}
