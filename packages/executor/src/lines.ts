/** Reads JSON lines from a process that is not trusted: bounded, and a line that is no JSON object is a fault. */
import type { Readable } from 'node:stream';

/** Calls `take` per object, in order, until a fault; then `fault` once and nothing more. */
export function readObjects(
  stream: Readable,
  bytesMax: number,
  take: (value: Readonly<Record<string, unknown>>) => void,
  fault: (why: string) => void,
): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  let broken = false;
  const fail = (why: string): void => {
    broken = true;
    parts = [];
    fault(why);
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (broken) return;
      const value = parseObject(Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8'));
      parts = [];
      bytes = 0;
      from = end + 1;
      if (value) take(value);
      else fail('it said something on its channel that is no JSON object');
    }
    if (broken) return;
    if (from < chunk.length) parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > bytesMax) fail(`it said a line of more than ${bytesMax} bytes on its channel`);
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    /* ignored: the caller makes it a fault. */
    return undefined;
  }
}
