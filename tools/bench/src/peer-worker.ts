/** The process in which a peer works: `peer-worker NAME URL TOTAL`, with a channel: says `ready`, hears `go`, says `done`. */
import { PEERS } from './peers/index.ts';

const [name, url, total] = process.argv.slice(2);
const peer = PEERS.find((one) => one.name === name)!;
const work = await peer.work(url!, Number(total));
process.once('message', () => {
  void work.go().then(async () => {
    process.send!('done');
    await work.close();
    process.exit(0);
  });
});
process.once('disconnect', () => process.exit(1));
process.send!('ready');
