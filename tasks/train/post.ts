/** Sends one POST request that stdin describes: for a process that is about to exit and cannot wait for an answer itself. */
import { readFileSync } from 'node:fs';

const { url, headers, body } = JSON.parse(readFileSync(0, 'utf8'));
await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(1_000) });
