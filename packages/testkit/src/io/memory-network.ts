/**
 * Links without sockets: texts travel in memory, in order, later, and are lost when the test says so.
 *
 * N1 What `dialer` opens behaves as a WebSocket does to a session: nothing is called before `dial` returns, `closed` comes last and once.
 */
import { CLOSE, coordinatorFrame, decodeFrame, workerFrame } from '@holdfast/protocol';
import type { Dialer, SessionServer } from '@holdfast/reconnection-core/manager';
import { guardLink, type Link } from '@holdfast/reconnection-core/ws';

export interface MemoryNetwork {
  /** For `WorkerReconnectionManager`. */
  readonly dialer: Dialer;
  /** Reaches this server under a name of the test's choice; the URL to dial. */
  serve(name: string, server: SessionServer): string;
  /** Nobody is there any more: dials fail, links are cut. */
  leave(name: string): void;
  /** Cuts every link without a word; what is on its way is lost. */
  cut(): void;
  /** Frames of this direction vanish until `heal`, and nobody is told. */
  silence(way: 'up' | 'down'): void;
  heal(): void;
  readonly links: number;
}

interface End {
  /** Texts of the other side. */
  take(text: string): void;
  closed(code: number, reason: string): void;
}

/** Creates a network with nobody in it. */
export function createMemoryNetwork(): MemoryNetwork {
  const servers = new Map<string, SessionServer>();
  const wires = new Map<(code: number, reason: string) => void, string>();
  const silent = new Set<'up' | 'down'>();

  function connect(name: string, server: SessionServer, client: End): Link {
    let over = false;
    let peer: End | undefined;
    const end = (code: number, reason: string): void => {
      if (over) return;
      over = true;
      wires.delete(end);
      setImmediate(() => {
        client.closed(code, reason);
        peer?.closed(code, reason);
      });
    };
    const linkTo = (way: 'up' | 'down', other: () => End | undefined): Link => ({
      send(text) {
        if (over || silent.has(way)) return;
        setImmediate(() => {
          if (!over) other()?.take(text);
        });
      },
      seal: () => undefined,
      // What was sent before still arrives.
      close: (code, reason) => void setImmediate(() => end(code, reason)),
      terminate: () => end(ABNORMAL, ''),
      bufferedBytes: 0,
      congested: false,
    });
    wires.set(end, name);
    server.attach((handlers, options) =>
      guardLink(
        (guarded) => {
          peer = {
            take(text) {
              const frame = decodeFrame(text, workerFrame);
              if (frame.ok) guarded.frame(frame.value, text);
              else guarded.rubbish(frame.problem);
            },
            closed: guarded.closed,
          };
          return linkTo('down', () => client);
        },
        handlers,
        options,
      ),
    );
    return linkTo('up', () => peer);
  }

  return {
    dialer: {
      isExposed: () => false,
      dial({ url }, handlers) {
        const name = new URL(url).hostname;
        let phase: 'dialing' | 'open' | 'over' = 'dialing';
        const refuse = (reason: string): void => {
          if (phase !== 'dialing') return;
          phase = 'over';
          handlers.failed(reason, false, undefined);
        };
        const server = servers.get(name);
        if (!server) {
          setImmediate(() => refuse('nobody listens'));
          return { ...NO_LINK, close: () => refuse('given up'), terminate: () => refuse('given up') };
        }
        const link = connect(name, server, {
          take(text) {
            const frame = decodeFrame(text, coordinatorFrame);
            if (frame.ok) handlers.frame(frame.value, text);
            else handlers.rubbish(frame.problem);
          },
          closed(code, reason) {
            if (phase === 'dialing') return refuse(reason);
            if (phase === 'open') handlers.closed(code, reason);
            phase = 'over';
          },
        });
        setImmediate(() => {
          if (phase !== 'dialing') return;
          phase = 'open';
          handlers.opened();
        });
        return link;
      },
    },
    serve(name, server) {
      servers.set(name, server);
      return `ws://${name}`;
    },
    leave(name) {
      servers.delete(name);
      for (const [end, of] of wires) if (of === name) end(CLOSE.restart.code, 'gone');
    },
    cut() {
      for (const end of wires.keys()) end(ABNORMAL, 'cut');
    },
    silence: (way) => void silent.add(way),
    heal: () => silent.clear(),
    get links() {
      return wires.size;
    },
  };
}

const ABNORMAL = 1006;
const NO_LINK = { send: () => undefined, seal: () => undefined, bufferedBytes: 0, congested: false };
