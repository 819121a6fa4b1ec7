/** `holdfast chaos`: a fault proxy for one upstream, or the HTTP API for many. */
import type { ToxicRequest } from '@holdfast/chaos';
import { createProxy, serveChaos } from '@holdfast/chaos/proxy';
import type { Console } from '../console.ts';
import { EXIT, usageError } from '../exit.ts';

export interface ChaosFlags {
  readonly listen?: string;
  readonly seed?: string;
  readonly json?: boolean;
}

export interface ChaosProxyFlags extends ChaosFlags {
  readonly upstream: string;
  readonly toxic?: readonly string[];
}

/** Runs one proxy until a signal. */
export async function chaosProxyVerb(flags: ChaosProxyFlags, io: Console): Promise<number> {
  const toxics = (flags.toxic ?? []).map(toxicOf);
  const { listen, upstream, json } = flags;
  const seed = flags.seed ?? process.env['HOLDFAST_SEED'] ?? 'holdfast';
  const proxy = await createProxy({
    upstream,
    seed,
    // It listens when it is ready to be as toxic as asked.
    enabled: false,
    ...(listen === undefined ? {} : { listen }),
    observe: (event) => json && io.print(JSON.stringify(event)),
  });
  for (const toxic of toxics) proxy.addToxic(toxic);
  await proxy.change({ enabled: true });
  const facts = proxy.describe();
  if (json) io.print(JSON.stringify({ kind: 'listening', seed, ...facts }));
  io.say(`holdfast: ${facts.listen} -> ${upstream}, ${facts.toxics.length} toxics, seed ${seed}`);
  await interrupted();
  await proxy.close();
  return EXIT.passed;
}

/** Serves the API until a signal. */
export async function chaosServeVerb(flags: ChaosFlags, io: Console): Promise<number> {
  const seed = flags.seed ?? process.env['HOLDFAST_SEED'] ?? 'holdfast';
  const server = await serveChaos({ seed, ...(flags.listen === undefined ? {} : { listen: flags.listen }) });
  if (flags.json) io.print(JSON.stringify({ url: server.url, seed }));
  io.say(`holdfast: Toxiproxy's API at ${server.url}, seed ${seed}`);
  await interrupted();
  await server.close();
  return EXIT.passed;
}

/** Reads `TYPE[@STREAM][~TOXICITY][:NAME=VALUE,...]`. Names of several toxics of one type are made unlike by the caller's order. */
function toxicOf(spec: string, index: number): ToxicRequest {
  const match = /^([a-z_]+)(?:@([a-z]+))?(?:~([\d.]+))?(?::(.*))?$/.exec(spec);
  if (!match) throw usageError(`read the toxic ${spec}: expected TYPE[@upstream|@downstream][~TOXICITY][:NAME=VALUE,...]`);
  const [, type = '', stream, toxicity, list] = match;
  const attributes = Object.fromEntries(
    (list ?? '').split(',').flatMap((pair): [string, number][] => {
      if (pair === '') return [];
      const [, name = '', value] = /^([a-z_]+)=(\d+(?:\.\d+)?)$/.exec(pair) ?? [];
      if (name === '') throw usageError(`read ${pair} of the toxic ${spec}: expected NAME=NUMBER`);
      return [[name, Number(value)]];
    }),
  );
  return { name: `${index + 1}_${type}`, type, stream, attributes, ...(toxicity === undefined ? {} : { toxicity: Number(toxicity) }) };
}

/** Resolves at the first Ctrl-C or SIGTERM. */
const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
