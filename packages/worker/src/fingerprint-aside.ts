/** The fingerprint of a checkout, read beside the event loop. */
import { Worker } from 'node:worker_threads';
import { CodedError, errorText } from '@holdfast/kernel';
import type { Fingerprint } from '@holdfast/model';

/** As `readFingerprint(folder).fingerprint`, in a thread. Errors: `CHECKOUT_UNREADABLE`. */
export function readFingerprintAside(folder: string): Promise<Fingerprint> {
  const source = import.meta.url.endsWith('.ts');
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(`./fingerprint-thread.${source ? 'ts' : 'js'}`, import.meta.url), {
      workerData: folder,
      ...(source ? { execArgv: ['--conditions=@holdfast/source'] } : {}),
    });
    thread.once('message', (said: { readonly fingerprint: Fingerprint } | { readonly problem: string }) => {
      if ('fingerprint' in said) resolve(said.fingerprint);
      else reject(unreadable(folder, said.problem));
    });
    thread.once('error', (error) => reject(unreadable(folder, errorText(error))));
    // Of no effect after an answer.
    thread.once('exit', (code) => reject(unreadable(folder, `the thread that reads it ended with ${code}`)));
    thread.unref();
  });
}

const unreadable = (folder: string, problem: string): CodedError =>
  new CodedError('CHECKOUT_UNREADABLE', `read the state of the checkout, ${folder}: ${problem}`, { details: { folder, exitCode: 78 } });
