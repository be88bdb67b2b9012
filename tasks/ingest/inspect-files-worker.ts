/** A thread of inspect-files.ts: receives paths, answers with the facts of their files. */
import { parentPort, workerData } from 'node:worker_threads';
import { inspectFilesHere } from './inspect-files.ts';

parentPort?.postMessage(inspectFilesHere(workerData));
