/** The links of one session, over one of several coordinators at a time. */
import { CLOSE } from '@holdfast/protocol';
import type { ClientInput } from '../client-session.ts';
import { createFailover } from '../failover.ts';
import type { DialOptions } from './dial-link.ts';
import type { Link } from './link.ts';
import { type Dialer, webSocketDialer } from './link-ports.ts';

export interface FailoverLinksOptions extends Omit<DialOptions, 'url'> {
  /** In the order of preference, `ws(s)://` with path. */
  readonly urls: readonly string[];
  /** Default: WebSockets. */
  readonly dialer?: Dialer;
}

type LinkInput = Extract<ClientInput, { kind: 'linkOpened' | 'dialFailed' | 'frameReceived' | 'rubbishReceived' | 'linkClosed' }>;

export interface FailoverLinks {
  /** Performs the effect `dial`; what becomes of it is offered. */
  dial(link: number): void;
  get(link: number): Link | undefined;
  /** A session is open over the present link. */
  opened(): void;
  /** The URL that is dialled next, or is connected. */
  current(): string;
  closeAll(code: number, reason: string): void;
}

/** Creates the links of a session; `offer` takes what happens to them, and of a frame its length. Errors: `RECONNECTION_NO_URL`. */
export function createFailoverLinks(options: FailoverLinksOptions, offer: (input: LinkInput, bytes: number) => void): FailoverLinks {
  const { urls, dialer = webSocketDialer, ...dialling } = options;
  const failover = createFailover(urls);
  const links = new Map<number, Link>();

  function dial(link: number): void {
    const url = failover.current();
    let over = false;
    /** Returns whether a refusal is the last word. */
    const leave = (refused: boolean): boolean => {
      links.delete(link);
      const final = !over && failover.failed(refused);
      over = true;
      return final;
    };
    const dialled = dialer.dial(
      { ...dialling, url },
      {
        opened: () => offer({ kind: 'linkOpened', link, exposed: dialer.isExposed(url) }, 0),
        failed(reason, terminal, code) {
          const final = leave(terminal);
          offer({ kind: 'dialFailed', link, reason: urls.length > 1 ? `${url}: ${reason}` : reason, terminal: final, code }, 0);
        },
        frame: (frame, text) => offer({ kind: 'frameReceived', link, frame }, text.length),
        rubbish: (reason) => offer({ kind: 'rubbishReceived', link, reason }, 0),
        closed(code, reason) {
          const refused = REFUSALS.has(code);
          const final = leave(refused);
          // Another coordinator may welcome what this one refuses.
          offer({ kind: 'linkClosed', link, code: refused && !final ? ABNORMAL : code, reason }, 0);
        },
      },
    );
    links.set(link, dialled);
  }

  return {
    dial,
    get: (link) => links.get(link),
    opened: () => failover.opened(),
    current: () => failover.current(),
    closeAll(code, reason) {
      for (const link of links.values()) link.close(code, reason);
    },
  };
}

const ABNORMAL = 1006;
const REFUSALS: ReadonlySet<number> = new Set([CLOSE.unauthenticated.code, CLOSE.forbidden.code, CLOSE.version.code]);
