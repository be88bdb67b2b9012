/** A thread of inspect.ts: gets paths, answers with their facts. */
import { parentPort, workerData } from 'node:worker_threads';
import { inspectHere } from './inspect.ts';

parentPort?.postMessage(inspectHere(workerData));
