/** The suite of sessions in memory and over real sockets. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'vitest';
import { createMemoryNetwork, SESSION_SUITE, type SessionTransport } from '../src/io/sessions.ts';

function memory(): SessionTransport {
  const network = createMemoryNetwork();
  let count = 0;
  return {
    dialer: network.dialer,
    listen: async (server) => network.serve(`server-${(count += 1)}`, server),
    cut: () => network.cut(),
    close: async () => network.cut(),
  };
}

function webSockets(): SessionTransport {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  return {
    async listen(server) {
      const http = createServer();
      servers.push(http);
      http.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      http.on('upgrade', (request, socket, head) => server.upgrade(request, socket, head));
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      return `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((http) => new Promise((resolve) => http.close(resolve))));
    },
  };
}

for (const [where, transport] of [
  ['in memory', memory],
  ['over WebSockets', webSockets],
] as const) {
  test.for(SESSION_SUITE.map(({ name, run }) => [name, run] as const))(`${where}: %s`, ([, run]) => run(transport()));
}
