/** Many connections of socket.io with connection state recovery, over WebSockets from the start, everything else at its defaults. */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import type { Crowd, Hall } from './storm-ends.ts';

export function socketIoHall(): Hall {
  const http = createServer();
  const server = new Server(http, { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } });
  const hall: Hall = {
    onMessage: () => {},
    async listen(port) {
      await new Promise<void>((resolve, reject) => http.once('error', reject).listen({ port, host: '127.0.0.1', backlog: 4096 }, resolve));
      return `http://127.0.0.1:${port}`;
    },
    broadcast(round) {
      const { sockets } = server.of('/');
      for (const socket of sockets.values()) socket.emit('down', `${socket.id}-${round}`);
      return sockets.size;
    },
  };
  server.on('connection', (socket) => {
    socket.on('up', (key: string) => hall.onMessage(key, () => {}));
  });
  return hall;
}

export function socketIoCrowd(): Crowd {
  const sockets: Socket[] = [];
  const crowd: Crowd = {
    onOpened: () => {},
    onMessage: () => {},
    connect(member, { url }) {
      // Without `forceNew` all of them would share one connection.
      const socket = io(url, { transports: ['websocket'], forceNew: true });
      socket.on('connect', () => crowd.onOpened(member, socket.recovered));
      socket.on('down', (key: string) => crowd.onMessage(key));
      sockets.push(socket);
    },
    send: (member, key) => void sockets[member]!.emit('up', key),
    // It vouches for nothing that was handed to a socket.
    pending: () => 0,
  };
  return crowd;
}
