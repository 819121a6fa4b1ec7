/** Many sessions as their users have them: `WorkerReconnectionManager` on one side, `SessionServer` on the other. */
import { SessionServer, WorkerReconnectionManager } from '@holdfast/reconnection-core/manager';
import type { Crowd, Hall } from './storm-ends.ts';

export function sessionHall(): Hall {
  const server = new SessionServer({ secrets: () => SECRET });
  const hall: Hall = {
    onMessage: () => {},
    listen: (port) => server.listen(port),
    broadcast(round) {
      for (const peer of server.peers) peer.send({ t: 'down', key: `${peer.id}-${round}` });
      return server.peers.length;
    },
  };
  server.on('message', (_peer, payload, commit) => hall.onMessage(payload['key'] as string, commit));
  return hall;
}

export function sessionCrowd(): Crowd {
  const managers: WorkerReconnectionManager[] = [];
  const crowd: Crowd = {
    onOpened: () => {},
    onMessage: () => {},
    connect(member, { url, tokens }) {
      const manager = new WorkerReconnectionManager({
        urls: url,
        worker: `member-${member}`,
        credential: tokens?.[member] ?? { key: 'bench', secret: SECRET },
        registration: { name: `member ${member}`, slots: 1, labels: {} },
      });
      manager.on('opened', (how) => crowd.onOpened(member, how === 'resumed'));
      manager.on('message', ({ t, key }) => t === 'down' && crowd.onMessage(key as string));
      manager.on('failed', (code, reason) => {
        console.error(`member ${member} gave up: ${code} ${reason}`);
        process.exit(1);
      });
      managers.push(manager.start());
    },
    send: (member, key) => void managers[member]!.send({ t: 'up', key }, { key }),
    pending: () => managers.reduce((sum, { kept }) => sum + kept, 0),
  };
  return crowd;
}

const SECRET = 'known to both ends';
