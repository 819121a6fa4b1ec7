/** Named proxies, as the HTTP API and the command hold them. */
import { z } from 'zod';
import { refused } from '../problem.ts';
import { badBody } from '../toxic.ts';
import { createProxy, type Proxy, type ProxyChange, type ProxyOptions } from './proxy.ts';

export interface ProxiesOptions extends Pick<ProxyOptions, 'seed' | 'heldBytesMax'> {
  /** Default 256. */
  readonly proxiesMax?: number;
}

export interface Proxies extends AsyncDisposable {
  /** In the order of creation. */
  all(): readonly Proxy[];
  /** Errors: `CHAOS_NOT_FOUND`. */
  get(name: string): Proxy;
  /** Creates one from outside data. Errors: `CHAOS_BAD_REQUEST`, `CHAOS_EXISTS`, `CHAOS_LISTEN`, `CHAOS_ADDRESS`. */
  add(body: unknown): Promise<Proxy>;
  change(name: string, body: unknown): Promise<Proxy>;
  remove(name: string): Promise<void>;
  /** Creates or replaces several; one that is there with the same addresses stays, with its connections and toxics. */
  populate(body: unknown): Promise<readonly Proxy[]>;
  /** Enables all proxies and removes all toxics. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Creates an empty collection. */
export function createProxies(options: ProxiesOptions = {}): Proxies {
  const { proxiesMax = 256, ...shared } = options;
  const byName = new Map<string, Proxy>();

  const create = async (input: Input): Promise<Proxy> => {
    if (byName.size >= proxiesMax) throw refused('badBody', `hold more than ${proxiesMax} proxies`, `more than ${proxiesMax} proxies`);
    const { name = '', listen = '', upstream = '', enabled = true } = input;
    const proxy = await createProxy({ ...shared, name, listen, upstream, enabled });
    byName.set(name, proxy);
    return proxy;
  };
  const get = (name: string): Proxy => {
    const found = byName.get(name);
    if (!found) throw refused('noProxy', `find the proxy ${name}`);
    return found;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...byName.values()].map((proxy) => proxy.close()));
    byName.clear();
  };

  return {
    all: () => [...byName.values()],
    get,
    async add(body) {
      const input = read(inputSchema, body, 'create a proxy');
      requireFields(input, '');
      if (byName.has(input.name!)) throw refused('proxyExists', `create the proxy ${input.name} twice`);
      return create(input);
    },
    async change(name, body) {
      const proxy = get(name);
      const { listen, upstream, enabled }: ProxyChange = read(inputSchema, body, `change the proxy ${name}`);
      await proxy.change({ listen, upstream, enabled });
      return proxy;
    },
    async remove(name) {
      const proxy = get(name);
      byName.delete(name);
      await proxy.close();
    },
    async populate(body) {
      const inputs = read(z.array(inputSchema), body, 'populate');
      for (const [index, input] of inputs.entries()) requireFields(input, ` at proxy ${index + 1}`);
      const populated: Proxy[] = [];
      for (const input of inputs) {
        const before = byName.get(input.name!);
        const facts = before?.describe();
        if (before && facts && facts.listen === input.listen && facts.upstream === input.upstream) {
          await before.change({ enabled: input.enabled ?? true });
          populated.push(before);
          continue;
        }
        byName.delete(input.name!);
        await before?.close();
        populated.push(await create(input));
      }
      return populated;
    },
    async reset() {
      for (const proxy of byName.values()) {
        await proxy.change({ enabled: true });
        proxy.clear();
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function read<Value>(schema: z.ZodType<Value>, body: unknown, what: string): Value {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw badBody(what, parsed.error);
  return parsed.data;
}

function requireFields(input: Input, where: string): void {
  for (const field of ['name', 'upstream'] as const) {
    if (!input[field]) throw refused('missingField', `create a proxy without ${field}`, `${field}${where}`);
  }
}

type Input = z.infer<typeof inputSchema>;
const inputSchema = z.object({
  name: z.string().max(256).optional(),
  listen: z.string().max(300).optional(),
  upstream: z.string().max(300).optional(),
  enabled: z.boolean().optional(),
});
