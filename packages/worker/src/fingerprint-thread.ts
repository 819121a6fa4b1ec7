/** Reads a fingerprint in a thread of its own: git and hashing would hold up heartbeats. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '@holdfast/kernel';
import { readFingerprint } from './fingerprint.ts';

try {
  parentPort?.postMessage({ fingerprint: readFingerprint(workerData as string).fingerprint });
} catch (error) {
  parentPort?.postMessage({ problem: errorText(error) });
}
