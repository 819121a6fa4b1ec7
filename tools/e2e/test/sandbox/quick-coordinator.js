// A built coordinator whose heartbeats and leases are short: faults show in seconds. Everything else is as users have it.
import { startCoordinator } from '@holdfast/coordinator';

const [dataFolder, port = '0'] = process.argv.slice(2);
const coordinator = await startCoordinator({
  dataFolder,
  listen: { host: '127.0.0.1', port: Number(port) },
  options: { heartbeatEveryMs: 300, leaseTtlMs: 2000, lostAfterMs: 8000 },
  logLevel: 'debug',
});
console.log(JSON.stringify({ url: coordinator.url }));
process.once('SIGTERM', () => void coordinator.close().then(() => process.exit(0)));
