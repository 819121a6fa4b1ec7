/** A worker made by hand, for the conformance suite: sends what it is told, true to the protocol or not, and hears what comes. */
import { nodeEntropy, nodeMac } from '@holdfast/kernel/node';
import type { Challenge } from '../frames.ts';
import { SUBPROTOCOL, WORKER_PATH } from '../limits.ts';
import { hexOf, keysOf, proofOf, sealKeysOf, serverProofOf, transcriptOf } from '../proof.ts';
import { createSeal, type Seal } from '../seal.ts';

export interface Target {
  /** `http(s)://` or `ws(s)://`, host and port. */
  readonly url: string;
  /** A token that may register workers: `hf_<key>_<secret>`. */
  readonly token: string;
  /** Milliseconds until an answer must be there. Default 15,000. */
  readonly withinMs?: number;
}

type Frame = Readonly<Record<string, unknown>> & { readonly f: string };

export interface Talker {
  /** Sends one text message; sealed, once the link is. */
  say(frame: object | string | Uint8Array<ArrayBuffer>): void;
  /** Sends past the seal. */
  sayOpenly(text: string): void;
  /** The next frame, or `close <code>` in words: `f` is then `close`. Frames of `data` without messages are passed over. */
  hear(): Promise<Frame>;
  /** The close code, whatever else comes before. */
  closed(): Promise<number>;
  hangUp(): void;
  /** Says hello and the proof; returns what came after: `welcome`, or a close. `more` is laid over the hello. */
  greet(more?: object, secret?: string): Promise<Frame>;
  /** The hello as it was sent. */
  readonly helloText: string;
  readonly proofs: { readonly worker: string; readonly coordinator: string };
  hello(more?: object): object;
  challengeOf(hello: object): Promise<Challenge>;
}

/** Opens a link; resolves when it is open. */
export async function talk(target: Target, worker: string): Promise<Talker> {
  const [, key = '', secret = ''] = /^hf_([^_]+)_(.+)$/.exec(target.token) ?? [];
  const socket = new WebSocket(`${target.url.replace(/^http/, 'ws').replace(/\/$/, '')}${WORKER_PATH}`, SUBPROTOCOL);
  const waiting: Frame[] = [];
  let wake: (() => void) | undefined;
  let code: number | undefined;
  let seal: Seal | undefined;
  let helloText = '';
  let proofs = { worker: '', coordinator: '' };
  socket.addEventListener('message', ({ data }) => {
    const text = seal ? seal.open(String(data)) : String(data);
    const frame = text === undefined ? { f: 'unsealed' } : (JSON.parse(text) as Frame);
    if (frame.f === 'data' && (frame['m'] as unknown[]).length === 0) return;
    waiting.push(frame);
    wake?.();
  });
  socket.addEventListener('close', (event) => {
    code = event.code;
    wake?.();
  });
  const soon = async <Value>(what: string, read: () => Value | undefined): Promise<Value> => {
    const deadline = Date.now() + (target.withinMs ?? 15_000);
    for (;;) {
      const value = read();
      if (value !== undefined) return value;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${what} in time`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  socket.addEventListener('open', () => wake?.());
  socket.addEventListener('error', () => wake?.());
  await soon('link', () => (socket.readyState === WebSocket.CONNECTING ? undefined : true));

  const talker: Talker = {
    say(frame) {
      const text = typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame);
      socket.send(seal && typeof text === 'string' ? seal.close(text) : text);
    },
    sayOpenly: (text) => socket.send(text),
    hear: () => soon('frame', () => waiting.shift() ?? (code === undefined ? undefined : { f: 'close', code })),
    closed: () => soon('close', () => code),
    hangUp: () => socket.close(),
    get helloText() {
      return helloText;
    },
    get proofs() {
      return proofs;
    },
    hello: (more = {}) => ({
      f: 'hello',
      protocol: [2],
      worker,
      incarnation: 'conformance-1',
      registration: { name: worker, slots: 1, labels: {}, pid: 1 },
      key,
      nonce: hexOf(nodeEntropy.bytes(32)),
      ...more,
    }),
    async challengeOf(hello) {
      helloText = JSON.stringify(hello);
      talker.say(helloText);
      const answer = await talker.hear();
      if (answer.f !== 'challenge') throw new Error(`no challenge but ${JSON.stringify(answer)}`);
      return answer as unknown as Challenge;
    },
    async greet(more = {}, known = secret) {
      const challenge = await talker.challengeOf(talker.hello(more));
      const keys = keysOf(nodeMac, known);
      const transcript = transcriptOf(helloText, challenge);
      proofs = { worker: proofOf(nodeMac, keys, transcript), coordinator: serverProofOf(nodeMac, keys, transcript) };
      talker.say({ f: 'proof', proof: proofs.worker });
      if (challenge.sealed === true) {
        const { up, down } = sealKeysOf(nodeMac, keys.clientKey, transcript);
        seal = createSeal(nodeMac, up, down);
      }
      return talker.hear();
    },
  };
  return talker;
}
