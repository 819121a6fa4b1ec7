/** The program of one end: performs the commands of its role, one answer each, until the bench that started it is gone. */

/** What an end can be asked. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Commands = Readonly<Record<string, (argument: any) => unknown>>;

const ROLES = {
  'throughput-server': async () => (await import('./throughput-ends.ts')).throughputServer(),
  'throughput-client': async () => (await import('./throughput-ends.ts')).throughputClient(),
  'session-server': async () => (await import('./storm-ends.ts')).stormServer((await import('./session-crowd.ts')).sessionHall()),
  'session-client': async () => (await import('./storm-ends.ts')).stormClient((await import('./session-crowd.ts')).sessionCrowd()),
  'socketio-server': async () => (await import('./storm-ends.ts')).stormServer((await import('./socketio-crowd.ts')).socketIoHall()),
  'socketio-client': async () => (await import('./storm-ends.ts')).stormClient((await import('./socketio-crowd.ts')).socketIoCrowd()),
} satisfies Readonly<Record<string, () => Promise<Commands>>>;

export type Role = keyof typeof ROLES;

if (process.send) {
  const commands: Commands = await ROLES[process.argv[2] as Role]();
  process.on('disconnect', () => process.exit());
  process.on('message', (asked: { readonly id: number; readonly command: string; readonly argument?: unknown }) => {
    void perform(commands, asked).then((answer) => process.send!({ id: asked.id, ...answer }));
  });
}

async function perform(commands: Commands, { command, argument }: { readonly command: string; readonly argument?: unknown }) {
  try {
    return { value: await commands[command]!(argument) };
  } catch (error) {
    return { error: (error as Error)?.stack ?? String(error) };
  }
}
