/** What a message costs through the session, beside the same message as plain JSON over plain `ws`, taking turns in one run. */
import { loadavg } from 'node:os';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { type EndProcess, startEnd } from './end-process.ts';
import { type BenchReport, type Figure, figureOf } from './report.ts';
import { MESSAGE_BYTES, PER_TURN, type Transport, WINDOW } from './throughput-ends.ts';

/** One direction after the other, both transports in each repetition, in an order that changes. */
export async function benchSession({ repetitions = 7, size = 100_000, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const server = startEnd('throughput-server', 'SERVER');
  const client = startEnd('throughput-client', 'CLIENT');
  try {
    await client.ask('connect', await server.ask<number>('listen'));
    const rounds: Round[] = [];
    for (let repetition = 0; repetition <= repetitions; repetition += 1) {
      const round = {} as Record<Direction, Record<Transport, Sample>>;
      const order: readonly Transport[] = repetition % 2 === 0 ? ['raw', 'session'] : ['session', 'raw'];
      for (const direction of DIRECTIONS) {
        const samples = {} as Record<Transport, Sample>;
        for (const transport of order) samples[transport] = await measure(server, client, direction, transport, size);
        round[direction] = samples;
      }
      // The first round is for the compiler of Node.
      if (repetition === 0) continue;
      rounds.push(round);
      say(
        `${repetition}/${repetitions}: ${DIRECTIONS.map((direction) => `${direction} ${ratio(round[direction]).toFixed(2)}`).join(', ')} of raw ws`,
      );
    }
    return {
      name: 'session',
      conditions: {
        ...conditions,
        loadAfter: loadavg()[0],
        sizes: { messages: size, messageBytes: MESSAGE_BYTES, window: WINDOW, perTurn: PER_TURN },
        repetitions,
        processes: 'one server, one client, one connection on loopback; one direction at a time; both transports checked for order',
        raw: 'ws 8: JSON.stringify, one frame a message, corked once a turn, JSON.parse, one cumulative ack a turn',
        session: 'the same messages through both session machines, up with a key each and committed at once; beats every 3 s',
        cpu: 'user and system time by process.cpuUsage, both processes together; _client and _server alone',
      },
      figures: figuresOf(rounds),
      notMeasured: [],
    };
  } finally {
    await Promise.all([client.kill(), server.kill()]);
  }
}

const DIRECTIONS = ['up', 'down'] as const;
type Direction = (typeof DIRECTIONS)[number];
type Round = Readonly<Record<Direction, Readonly<Record<Transport, Sample>>>>;
interface Sample {
  readonly perSecond: number;
  /** Microseconds of processor time for one message. */
  readonly client: number;
  readonly server: number;
}

async function measure(server: EndProcess, client: EndProcess, direction: Direction, transport: Transport, count: number): Promise<Sample> {
  const [sender, receiver] = direction === 'up' ? [client, server] : [server, client];
  const spent = async (): Promise<readonly number[]> => [await client.ask<number>('cpuUs'), await server.ask<number>('cpuUs')];
  const had = await receiver.ask<number>('received', transport);
  const before = await spent();
  const ms = await sender.ask<number>('send', { transport, count });
  const after = await spent();
  const received = (await receiver.ask<number>('received', transport)) - had;
  if (received !== count) throw new Error(`${received} of ${count} messages arrived (${transport}, ${direction})`);
  return { perSecond: (count * 1000) / ms, client: (after[0]! - before[0]!) / count, server: (after[1]! - before[1]!) / count };
}

const ratio = ({ raw, session }: Round[Direction]): number => session.perSecond / raw.perSecond;
const both = ({ client, server }: Sample): number => client + server;

function figuresOf(rounds: readonly Round[]): Record<string, Figure> {
  const figures: Record<string, Figure> = {
    vs_raw_ws: figureOf(
      rounds.map((round) => Math.min(...DIRECTIONS.map((direction) => ratio(round[direction])))),
      'of raw ws, the slower direction',
    ),
  };
  for (const direction of DIRECTIONS) {
    const of = (value: (samples: Round[Direction]) => number, unit: string): Figure =>
      figureOf(
        rounds.map((round) => value(round[direction])),
        unit,
      );
    figures[`vs_raw_ws_${direction}`] = of(ratio, 'of raw ws');
    figures[`vs_raw_ws_cpu_${direction}`] = of(({ raw, session }) => both(session) / both(raw), 'of raw ws');
    figures[`messages_per_s_${direction}`] = of(({ session }) => session.perSecond, '1/s');
    figures[`raw_messages_per_s_${direction}`] = of(({ raw }) => raw.perSecond, '1/s');
    figures[`cpu_us_per_message_${direction}`] = of(({ session }) => both(session), 'us');
    figures[`cpu_us_per_message_${direction}_client`] = of(({ session }) => session.client, 'us');
    figures[`cpu_us_per_message_${direction}_server`] = of(({ session }) => session.server, 'us');
    figures[`raw_cpu_us_per_message_${direction}`] = of(({ raw }) => both(raw), 'us');
  }
  return figures;
}
