/**
 * Whether a coordinator keeps to PROTOCOL.md: dials it as a worker that is sometimes right and mostly wrong, and compares the answers.
 * Every check has links and a worker id of its own; the endpoint may serve others meanwhile. It gets no work done and leaves nothing behind.
 */
import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import { LIMITS } from '../limits.ts';
import { hexOf } from '../proof.ts';
import { SEAL_LENGTH } from '../seal.ts';
import { talk, type Talker, type Target } from './talker.ts';

export type { Target } from './talker.ts';

export interface CheckResult {
  /** What was done. */
  readonly name: string;
  /** `welcome fresh first`, `close 4401`. */
  readonly expected: string;
  /** What came; for a check that could not be made, why. */
  readonly got: string;
  readonly passed: boolean;
}

interface Check {
  readonly name: string;
  readonly expected: string;
  readonly run: (dial: () => Promise<Talker>) => Promise<string>;
}

/** Runs every check in turn; `told` hears of each as it ends. About ten seconds, most of them waiting for 4408. */
export async function checkEndpoint(target: Target, told: (result: CheckResult) => void = () => {}): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, expected, run } of CHECKS) {
    const talkers: Talker[] = [];
    const worker = `conformance-${hexOf(crypto.getRandomValues(new Uint8Array(8)))}`;
    const dial = async (): Promise<Talker> => {
      const talker = await talk(target, worker);
      talkers.push(talker);
      return talker;
    };
    let got: string;
    try {
      got = await run(dial);
    } catch (error) {
      got = String((error as Error).message);
    }
    for (const talker of talkers) talker.hangUp();
    const result = { name, expected, got, passed: got === expected };
    results.push(result);
    told(result);
  }
  return results;
}

const brief = (frame: Readonly<Record<string, unknown>>): string => {
  if (frame['f'] === 'close') return `close ${String(frame['code'])}`;
  if (frame['f'] !== 'welcome') return String(frame['f']);
  return frame['resumed'] ? 'welcome resumed' : frame['gap'] ? 'welcome gap' : `welcome fresh ${String(frame['fresh'])}`;
};
/** A first message, and how the link ends. */
const first = (name: string, expected: string, say: (talker: Talker) => object | string | Uint8Array<ArrayBuffer>): Check => ({
  name,
  expected,
  async run(dial) {
    const talker = await dial();
    talker.say(say(talker));
    return `close ${await talker.closed()}`;
  },
});
/** What a worker says that was welcomed, and how the link ends. */
const later = (name: string, expected: string, frame: object | string): Check => ({
  name,
  expected,
  async run(dial) {
    const talker = await dial();
    await talker.greet();
    talker.say(frame);
    return `close ${await talker.closed()}`;
  },
});
const data = (m: readonly (readonly [number, unknown])[], a = [0, 0]) => ({ f: 'data', a, m });
/** A second link that asks to go on with the session of the first, in its own way. */
const resumed = (name: string, expected: string, resume: (session: string, token: string) => object): Check => ({
  name,
  expected,
  async run(dial) {
    const one = await dial();
    const welcome = await one.greet();
    one.hangUp();
    await one.closed();
    const two = await dial();
    two.say(JSON.stringify(two.hello({ resume: resume(String(welcome['session']), String(welcome['token'])) })));
    const answer = await two.hear();
    if (answer.f !== 'challenge') return brief(answer);
    two.hangUp();
    const three = await dial();
    return brief(await three.greet({ resume: resume(String(welcome['session']), String(welcome['token'])) }));
  },
});
const proofOfAnother = (name: string, proof: (talker: Talker) => string): Check => ({
  name,
  expected: 'close 4401',
  async run(dial) {
    const one = await dial();
    await one.greet();
    const two = await dial();
    await two.challengeOf(two.hello());
    two.say({ f: 'proof', proof: proof(one) });
    return `close ${await two.closed()}`;
  },
});

const CHECKS: readonly Check[] = [
  {
    name: 'handshake: the right proof',
    expected: 'welcome fresh first, proven',
    async run(dial) {
      const talker = await dial();
      const answer = await talker.greet();
      return `${brief(answer)}, ${answer['proof'] === talker.proofs.coordinator ? 'proven' : 'unproven'}`;
    },
  },
  first('row 34: version 1 alone', 'close 4426', (talker) => talker.hello({ protocol: [1] })),
  first('row 34: version 0 and 99', 'close 4426', (talker) => talker.hello({ protocol: [0, 99] })),
  first('row 34: no key, no proof', 'close 4426', (talker) => talker.hello({ key: undefined })),
  first('row 34: a feature nobody knows is required', 'close 4426', (talker) => talker.hello({ requires: ['telepathy'] })),
  first('row 24: a beat first', 'close 4401', () => ({ f: 'beat', n: 1, a: [0, 0], held: { count: 0, hash: 0 }, credits: 1 })),
  first('row 24: a proof first', 'close 4401', () => ({ f: 'proof', proof: '0'.repeat(64) })),
  { name: 'row 24: silence', expected: 'close 4408', run: async (dial) => `close ${await (await dial()).closed()}` },
  {
    name: 'row 24: no proof after the challenge',
    expected: 'close 4408',
    async run(dial) {
      const talker = await dial();
      await talker.challengeOf(talker.hello());
      return `close ${await talker.closed()}`;
    },
  },
  {
    name: 'row 25: the wrong secret',
    expected: 'close 4401',
    run: async (dial) => brief(await (await dial()).greet({}, 'A'.repeat(43))),
  },
  {
    name: 'row 25: a key that nobody has',
    expected: 'close 4401',
    run: async (dial) => brief(await (await dial()).greet({ key: '0000000000000000' })),
  },
  {
    name: 'row 25: a proof of one digit',
    expected: 'close 4400',
    async run(dial) {
      const talker = await dial();
      await talker.challengeOf(talker.hello());
      talker.say({ f: 'proof', proof: '0' });
      return `close ${await talker.closed()}`;
    },
  },
  proofOfAnother("row 25: the coordinator's own proof sent back", (talker) => talker.proofs.coordinator),
  proofOfAnother('row 26: a captured proof on another link', (talker) => talker.proofs.worker),
  resumed('resume: as it should be', 'welcome resumed', (session, token) => ({ session, token, received: 0 })),
  resumed('row 30: a guessed token', 'close 4410', (session) => ({ session, token: 'guessed', received: 0 })),
  resumed('row 30: a session of somebody else', 'welcome fresh unknown_session', (_session, token) => ({
    session: 'x',
    token,
    received: 0,
  })),
  resumed('row 31: past what was ever sent', 'close 4400', (session, token) => ({ session, token, received: 1_000_000 })),
  ...[-1, 2 ** 53, 0.5, '1', null].map((received) =>
    resumed(`row 31: received ${JSON.stringify(received)}`, 'close 4400', (session, token) => ({ session, token, received })),
  ),
  {
    name: 'row 33: a newer life of the same worker',
    expected: 'close 4409',
    async run(dial) {
      const one = await dial();
      await one.greet();
      const two = await dial();
      await two.greet({ incarnation: 'conformance-2' });
      return `close ${await one.closed()}`;
    },
  },
  first('row 35: not JSON', 'close 4400', () => '{"f":'),
  first('row 35: a scalar', 'close 4400', () => '7'),
  first('row 35: 100,000 levels', 'close 4400', () => '['.repeat(100_000)),
  first('row 35: 2,000 keys', 'close 4400', (talker) =>
    talker.hello({ x: Object.fromEntries(Array.from({ length: 2000 }, (_, key) => [key, 0])) }),
  ),
  first('row 35: a number beyond all', 'close 4400', () => '{"f":"beat","n":1e400,"a":[0,0],"held":{"count":0,"hash":0},"credits":1}'),
  later('row 35: deep inside a message', 'close 4400', `{"f":"data","a":[0,0],"m":[[1,${'['.repeat(40)}${']'.repeat(40)}]]}`),
  first('a binary message', 'close 1003', () => new Uint8Array([1, 2, 3])),
  later('row 16: a frame over 1 MiB', 'close 1009', 'x'.repeat(LIMITS.frameBytesMax + SEAL_LENGTH + 1)),
  {
    name: 'row 36: __proto__ and constructor as keys',
    expected: 'welcome fresh first',
    async run(dial) {
      const talker = await dial();
      const labels = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}') as object;
      return brief(await talker.greet({ registration: { name: 'w', slots: 1, labels, pid: 1 } }));
    },
  },
  {
    name: 'row 37: an unknown message type',
    expected: 'answered, then beatAck',
    async run(dial) {
      const talker = await dial();
      await talker.greet();
      talker.say(data([[1, { t: 'from the future' }]]));
      const answered = await heard(talker, (frame) => JSON.stringify(frame).includes('"unknown"'));
      talker.say({ f: 'beat', n: 9, a: [0, 0], held: { count: 0, hash: 0 }, credits: 0 });
      await heard(talker, (frame) => frame['f'] === 'beatAck' && frame['n'] === 9);
      return answered ? 'answered, then beatAck' : 'nothing';
    },
  },
  later('row 37: a frame of no known kind', 'close 4400', { f: 'dance' }),
  later('row 38: a gap in the numbers', 'close 4400', data([[7, { t: 'goodbye', reason: '' }]])),
  later('row 38: an ack of what was never sent', 'close 4400', data([], [1000, 0])),
  later('row 38: committed past received', 'close 4400', data([], [0, 1])),
  {
    name: 'row 38: a number twice',
    expected: 'taken once, still open',
    async run(dial) {
      const talker = await dial();
      await talker.greet();
      const piece: [number, unknown] = [1, { t: 'from the future' }];
      talker.say(data([piece, piece]));
      talker.say(data([piece]));
      talker.say({ f: 'beat', n: 1, a: [0, 0], held: { count: 0, hash: 0 }, credits: 0 });
      let answers = 0;
      const ack = await heard(talker, (frame) => {
        if (JSON.stringify(frame).includes('"unknown"')) answers += 1;
        return frame['f'] === 'beatAck';
      });
      return answers <= 1 && (ack!['a'] as number[])[0] === 1 ? 'taken once, still open' : `${answers} answers, ${JSON.stringify(ack)}`;
    },
  },
  later('row 42: credits beyond all', 'close 4400', { f: 'beat', n: 1, a: [0, 0], held: { count: 0, hash: 0 }, credits: 1_000_000 }),
  later('row 42: negative credits', 'close 4400', { f: 'beat', n: 1, a: [0, 0], held: { count: 0, hash: 0 }, credits: -1 }),
  later('a second hello', 'close 4400', { f: 'hello', protocol: [2], worker: 'w', incarnation: 'i', registration: {} }),
  {
    name: 'row 41: a packed message that would not end',
    expected: 'close 4413',
    async run(dial) {
      const talker = await dial();
      const challenge = await talker.challengeOf(talker.hello({ compress: ['zstd', 'deflate'] }));
      talker.hangUp();
      if (!challenge.compress) return 'close 4413';
      const one = await dial();
      await one.greet({ compress: [challenge.compress] });
      const bytes = Buffer.alloc(32 * 1024 * 1024);
      const bomb =
        challenge.compress === 'zstd' ? `z${zstdCompressSync(bytes).toString('base64')}` : `d${deflateRawSync(bytes).toString('base64')}`;
      one.say(data([[1, bomb]]));
      return `close ${await one.closed()}`;
    },
  },
  {
    name: 'sealed: required, used, and a frame without its digest',
    expected: 'welcome fresh first, close 1002',
    async run(dial) {
      const talker = await dial();
      const answer = brief(await talker.greet({ requires: ['sealed'] }));
      talker.sayOpenly(JSON.stringify(data([])));
      return `${answer}, close ${await talker.closed()}`;
    },
  },
  {
    name: 'row 27: guessing on and on, then the right proof',
    expected: 'close 4429, welcome fresh first',
    async run(dial) {
      let last = '';
      for (let attempt = 0; attempt < 8; attempt += 1) last = brief(await (await dial()).greet({}, `${attempt}`.repeat(43)));
      return `${last}, ${brief(await (await dial()).greet())}`;
    },
  },
];

/** The first frame that is wanted; undefined when the link closes first. */
async function heard(
  talker: Talker,
  wanted: (frame: Readonly<Record<string, unknown>>) => boolean,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  for (;;) {
    const frame = await talker.hear();
    if (wanted(frame)) return frame;
    if (frame.f === 'close') return undefined;
  }
}
