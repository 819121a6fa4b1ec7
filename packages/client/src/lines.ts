/** Reads a response line by line, with a bound on silence and on the length of a line. */
import type { IncomingMessage } from 'node:http';
import { CodedError } from '@holdfast/kernel';

/** The non-empty lines of `response`. Errors: `STREAM_SILENT` after `silenceMaxMs` without a byte, `STREAM_LINE_TOO_LONG`. */
export async function* readLines(response: IncomingMessage, silenceMaxMs: number): AsyncGenerator<string> {
  let timer: NodeJS.Timeout | undefined;
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      response.destroy(new CodedError('STREAM_SILENT', `hear anything for ${silenceMaxMs} ms`, { retryable: true }));
    }, silenceMaxMs);
  };
  response.setEncoding('utf8');
  let rest = '';
  try {
    arm();
    for await (const chunk of response) {
      clearTimeout(timer);
      rest += chunk as string;
      if (!rest.includes('\n')) {
        if (rest.length > LINE_MAX) throw new CodedError('STREAM_LINE_TOO_LONG', `read a line of more than ${LINE_MAX} characters`);
        arm();
        continue;
      }
      const lines = rest.split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line !== '') yield line;
      arm();
    }
  } finally {
    clearTimeout(timer);
  }
}

const LINE_MAX = 67_108_864;
