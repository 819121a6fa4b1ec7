/** The verbs, their flags and their help. Each verb loads its own code when it runs. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { processConsole as io } from './console.ts';
import { EXIT, exitCodeOf, explainError } from './exit.ts';
import manifest from '../package.json' with { type: 'json' };

/** Runs the command line. Sets the exit code of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    // Commander has told what is wrong already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    else {
      io.say(explainError(error));
      process.exitCode = exitCodeOf(error);
    }
  }
}

function createProgram(): Command {
  const program = new Command('holdfast')
    .description('Runs tests across a fleet of unlike, unreliable machines and accounts for every one of them.')
    .version(manifest.version)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(holdfast --help shows all commands)')
    .exitOverride()
    .addHelpText('after', HELP_AFTER);
  addRun(program);
  addPlan(program);
  addResume(program);
  addServers(program);
  addInspection(program);
  addTokens(program);
  addChaos(program);
  addStore(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function addRun(program: Command): void {
  program
    .command('run')
    .description('run a test command, spread over workers')
    .argument('[command...]', 'what you always type, after --; default: npm test')
    .passThroughOptions()
    .option('--workers <n>', 'local workers to start; default: one per core')
    .option('--files <glob>', 'only these test files; with {file} in the command, any runner will do; may be repeated', collect)
    .option('--commands <file>', 'run each line of a file as a command; - reads standard input')
    .option('--modules <glob>', 'run modules whose default export is a task: async (ctx) => ...; may be repeated', collect)
    .option(
      '--results <tap|go-json|junit:path>',
      'what each command prints, or where it writes its JUnit file; {file} and {n} are filled in',
    )
    .option('--retries <n>', 'further attempts after a failure, per file; default 0')
    .option('--timeout <duration>', 'longest duration of one file, such as 90s or 5m; default: no limit')
    .option('--fail-fast', 'cancel what is left after the first failed file')
    .option('--last-failed', 'only what failed in its last run')
    .option('--shard <i/n>', 'one part of several, balanced by earlier durations, without any coordinator')
    .option('--history <file>', "file in which durations are kept, for a cache of CI; default: in the project's cache")
    .option('--env <name=value>', 'a variable for every process; may be repeated', collect)
    .option('--reporter <names>', 'pretty, json (events on standard output), junit; separated by commas', split)
    .option('--out <folder>', "folder for the reports; default: the run's own, in the cache")
    .option('--json', 'print the whole report as JSON on standard output at the end')
    .option('--logs', 'show what tests print')
    .option('--config <file>', 'configuration file; default: holdfast.config.{ts,js,mjs,json} upwards from here')
    .option('--log-level <level>', 'how much the processes log: trace, debug, info, warn, error, silent; default info')
    .option('--connect <url>', 'use the workers of this coordinator instead of starting some')
    .option('--token <token>', 'token with scope submit; prefer --token-file: others can see a command line')
    .option('--token-file <file>', 'file with the token')
    .option('--tls-ca <file>', 'certificate authority of that coordinator')
    .addHelpText('after', RUN_HELP_AFTER)
    .action(async (command: string[], options: Record<string, unknown>) => {
      const { commands, modules, results, lastFailed, json, logs, ...settings } = options;
      const { runVerb } = await import('./verbs/run.ts');
      const flags = { commands, modules, results, lastFailed: lastFailed === true, json: json === true, logs: logs === true } as never;
      process.exitCode = await runVerb(command, flags, settings, io);
    });
}

function addPlan(program: Command): void {
  program
    .command('plan')
    .description('show how a run would be spread and how long it would take, without running anything')
    .argument('[command...]', 'as for run')
    .option('--workers <n>', 'on so many workers; default: one per core')
    .option('--files <glob>', 'as for run', collect)
    .option('--commands <file>', 'as for run')
    .option('--modules <glob>', 'as for run', collect)
    .option('--last-failed', 'only what failed in its last run')
    .option('--shard <i/n>', 'one part of several')
    .option('--history <file>', "file in which durations are kept; default: in the project's cache")
    .option('--config <file>', 'configuration file; default as for run')
    .option('--json', 'print every step as JSON')
    .action(async (command: string[], options: Record<string, unknown>) => {
      const { commands, modules, lastFailed, json, ...settings } = options;
      const { planVerb } = await import('./verbs/plan.ts');
      const flags = { commands, modules, lastFailed: lastFailed === true, json: json === true } as never;
      process.exitCode = await planVerb(command, flags, settings, io);
    });
}

function addResume(program: Command): void {
  remote(program.command('resume'), 'go on at this coordinator; default: here, where the run was')
    .description('go on with an interrupted run without repeating what passed')
    .argument('[run]', 'its id or folder name; default: the newest of this project')
    .option('--workers <n>', 'local workers to start; default: as many as before')
    .option('--config <file>', 'configuration file')
    .option('--reporter <names>', 'pretty, json, junit', split)
    .option('--log-level <level>', 'how much the processes log; default info')
    .action(async (run: string | undefined, options: Record<string, unknown>) => {
      const { resumeVerb } = await import('./verbs/resume.ts');
      process.exitCode = await resumeVerb(run, options as never, io);
    });
}

function addServers(program: Command): void {
  program
    .command('coordinator')
    .description('serve a coordinator: takes runs and hands them to workers')
    .option('--listen <host:port>', 'address to listen on; default 127.0.0.1:7070, port 0 takes a free one')
    .option('--data <folder>', 'folder of its store and logs; default .holdfast')
    .option('--store <address>', 'PostgreSQL that keeps the truth, such as postgres://user@host/database; default: a file in --data')
    .option('--coordinator-name <name>', 'what that store calls this coordinator; default: a name that --data keeps')
    .option('--standby', 'take over once the coordinator of that name was silent for 10 s')
    .option('--not-durable', 'accept a PostgreSQL that may lose what it acknowledged')
    .option('--tls-cert <file>', 'certificate chain in PEM; off loopback it is required')
    .option('--tls-key <file>', 'its private key')
    .option('--tls-ca <file>', 'authority that client certificates must come from')
    .option('--allowed-hosts <names>', 'Host headers that are answered beside those of loopback; separated by commas', split)
    .option('--allowed-origins <origins>', 'origins whose browsers may call the API; separated by commas', split)
    .option('--keep-runs <n>', 'finished runs to keep, newest first; default: all')
    .option('--keep-days <n>', 'days to keep a finished run; default: for ever')
    .option('--queue-max <n>', 'unfinished tasks beyond which submits are refused; default 100000')
    .option('--accept-older', 'take the store as it is, though something newer was here before')
    .option('--config <file>', 'configuration file; default: holdfast.config.{ts,js,mjs,json} upwards from here')
    .option('--log-level <level>', 'how much is logged; default info')
    .option('--json', 'print address and data folder as JSON once it listens')
    .action(async ({ json, ...options }: Record<string, unknown>) => {
      const { keepHeapSmall } = await import('./heap.ts');
      keepHeapSmall();
      const [{ serveCoordinator }, { coordinatorSettings }] = await Promise.all([
        import('@holdfast/coordinator-app'),
        import('./settings.ts'),
      ]);
      const settings = await coordinatorSettings(options);
      const tell = json === true ? (started: unknown): void => io.print(JSON.stringify(started)) : (): void => {};
      process.exitCode = await serveCoordinator(settings, { say: (line) => io.say(`holdfast: ${line}`), tell });
    });
  program
    .command('worker')
    .description("work for a coordinator in this folder's checkout")
    .option('--connect <url>', 'address of the coordinator (required)')
    .option('--token <token>', 'its token with scope worker:register; prefer --token-file')
    .option('--token-file <file>', 'file with the token')
    .option('--tls-ca <file>', "authority of the coordinator's certificate")
    .option('--name <name>', "what people call this worker; default: the host's name")
    .option('--slots <n>', 'files at the same time; default: one per core')
    .option('--labels <name=value>', 'a fact about this machine; may be repeated', collect)
    .option('--data <folder>', 'folder of its id and logs; default .holdfast')
    .option('--config <file>', 'configuration file, with the policy of what tasks may do here; default as for run')
    .option('--log-level <level>', 'how much is logged; default info')
    .action(async (options: Record<string, unknown>) => {
      const [{ serveWorker }, { workerSettings }] = await Promise.all([import('@holdfast/worker-app'), import('./settings.ts')]);
      const settings = await workerSettings(options);
      process.exitCode = await serveWorker(settings, { cwd: process.cwd(), say: (line) => io.say(`holdfast: ${line}`) });
    });
}

function addInspection(program: Command): void {
  const verbs = () => import('./verbs/inspect.ts');
  connection(program.command('status'))
    .description('show the coordinator, its workers and its last runs')
    .option('--json', 'print as JSON')
    .action(async (options: Record<string, unknown>) => void (process.exitCode = await (await verbs()).statusVerb(options, io)));
  connection(program.command('watch'))
    .description('follow a run to its end; its exit code is that of the run')
    .argument('[run]', 'its id; default: the newest')
    .option('--json', 'print its events as JSON lines')
    .option('--reporter <names>', 'pretty, json, junit', split)
    .action(
      async (run: string | undefined, options: Record<string, unknown>) =>
        void (process.exitCode = await (await verbs()).watchVerb(run, options, io)),
    );
  connection(program.command('report'))
    .description('show the report of a run again')
    .argument('[run]', 'its id or folder name; default: the newest of this project')
    .option('--json', 'print its events as JSON lines')
    .option('--reporter <names>', 'pretty, json, junit', split)
    .action(
      async (run: string | undefined, options: Record<string, unknown>) =>
        void (process.exitCode = await (await verbs()).reportVerb(run, options, io)),
    );
  connection(program.command('logs'))
    .description('print what a task printed')
    .argument('<task>', 'RUN.N: the id of the run and the number of the task')
    .option('--follow', 'go on until the task has ended')
    .option('--stream <name>', 'only out or err')
    .option('--json', 'print pieces as JSON lines')
    .action(
      async (task: string, options: Record<string, unknown>) => void (process.exitCode = await (await verbs()).logsVerb(task, options, io)),
    );
  connection(program.command('artifacts'))
    .description('list the files that tasks left, or bring them here')
    .argument('[run]', 'its id or folder name, or RUN.N; default: the newest of this project')
    .argument('[task]', 'number of one task')
    .option('--download <folder>', 'write the files of the latest attempts to FOLDER/TASK/NAME')
    .option('--json', 'print as JSON')
    .action(async (run: string | undefined, task: string | undefined, options: Record<string, unknown>) => {
      const { artifactsVerb } = await import('./verbs/artifacts.ts');
      process.exitCode = await artifactsVerb(run, task, options, io);
    });
  connection(program.command('cancel'))
    .description('cancel a run or one task')
    .argument('<name>', 'RUN, or RUN.N: its id and the number of the task')
    .option('--json', 'print as JSON')
    .action(
      async (name: string, options: Record<string, unknown>) =>
        void (process.exitCode = await (await verbs()).cancelVerb(name, options, io)),
    );
  for (const paused of [true, false]) {
    connection(program.command(paused ? 'pause' : 'unpause'))
      .description(paused ? 'stop the clock and the processes of a running task' : 'let a paused task go on')
      .argument('<task>', 'RUN.N: the id of the run and the number of the task')
      .action(
        async (name: string, options: Record<string, unknown>) =>
          void (process.exitCode = await (await verbs()).pauseVerb(name, paused, options, io)),
      );
  }
}

function addTokens(program: Command): void {
  const token = program
    .command('token')
    .description('make, list, rotate and revoke tokens: what workers and clients prove themselves with');
  const act = async (
    action: 'create' | 'list' | 'rotate' | 'revoke',
    key: string | undefined,
    options: Record<string, unknown>,
  ): Promise<void> => {
    const { tokenVerb } = await import('./verbs/token.ts');
    process.exitCode = await tokenVerb(action, key, options, io);
  };
  connection(token.command('create'))
    .description('make a token and print it')
    .option(
      '--scope <scope>',
      'what it allows: submit, read, cancel, worker:register, artifact:read, artifact:write, diag:read, admin; may be repeated',
      collect,
    )
    .option('--name <name>', 'whom it is for: letters, digits and . @ : _ -, at most 64')
    .option('--expires <duration>', 'how long it is valid, such as 12h or 90d; default 90d')
    .option('--json', 'print as JSON')
    .action((options: Record<string, unknown>) => act('create', undefined, options));
  connection(token.command('list'))
    .description('list tokens, without their secrets')
    .option('--json', 'print as JSON')
    .action((options: Record<string, unknown>) => act('list', undefined, options));
  for (const action of ['rotate', 'revoke'] as const) {
    connection(token.command(action))
      .description(action === 'rotate' ? 'replace a token by a new one' : 'end a token and close its connections')
      .argument('<key>', 'its key, as `holdfast token list` shows it')
      .option('--json', 'print as JSON')
      .action((key: string, options: Record<string, unknown>) => act(action, key, options));
  }
  for (const command of token.commands) command.exitOverride();
}

function addChaos(program: Command): void {
  const chaos = program.command('chaos').description('break connections on purpose: a seeded TCP fault proxy');
  const verbs = () => import('./verbs/chaos.ts');
  chaos
    .command('proxy')
    .description('pass connections on through faults, until Ctrl-C')
    .requiredOption('--upstream <host:port>', 'where connections go')
    .option('--listen <host:port>', 'address to listen on; default 127.0.0.1:0, a free port')
    .option('--toxic <spec>', 'a fault: TYPE[@upstream|@downstream][~TOXICITY][:NAME=VALUE,...]; may be repeated', collect)
    .option('--seed <seed>', 'what chance is drawn from; default holdfast')
    .option('--json', 'print the proxy, then every event, as JSON lines')
    .addHelpText('after', CHAOS_HELP_AFTER)
    .action(
      async (options: Record<string, unknown>) => void (process.exitCode = await (await verbs()).chaosProxyVerb(options as never, io)),
    );
  chaos
    .command('serve')
    .description("serve Toxiproxy's HTTP API, until Ctrl-C")
    .option('--listen <host:port>', 'address of the API; default 127.0.0.1:8474')
    .option('--seed <seed>', 'what chance is drawn from; default holdfast')
    .option('--json', 'print the address as JSON once it listens')
    .action(
      async (options: Record<string, unknown>) => void (process.exitCode = await (await verbs()).chaosServeVerb(options as never, io)),
    );
  for (const command of chaos.commands) command.exitOverride();
}

function addStore(program: Command): void {
  const verbs = () => import('./verbs/store.ts');
  const onStore = (command: Command): Command =>
    command.option('--data <folder>', 'data folder of the coordinator; default .holdfast').option('--json', 'print as JSON');
  onStore(program.command('backup'))
    .description("copy a coordinator's store to a new folder; the coordinator may run")
    .argument('<folder>', 'where to: a folder that is missing or empty')
    .action(
      async (folder: string, options: Record<string, unknown>) =>
        void (process.exitCode = await (await verbs()).backupVerb(folder, options, io)),
    );
  onStore(program.command('restore'))
    .description('make a data folder from a backup')
    .argument('<backup>', 'the folder that `holdfast backup` has made')
    .action(
      async (backup: string, options: Record<string, unknown>) =>
        void (process.exitCode = await (await verbs()).restoreVerb(backup, options, io)),
    );
  onStore(program.command('migrate'))
    .description("bring a coordinator's store up to this version; starting the coordinator does the same")
    .option('--dry-run', 'only list what would be done')
    .action(async (options: Record<string, unknown>) => void (process.exitCode = await (await verbs()).migrateVerb(options, io)));
}

const connection = (command: Command): Command =>
  remote(command, 'address of the coordinator; default: that of --data, or of the newest local run').option(
    '--data <folder>',
    'data folder of a coordinator on this machine, whose admin token is used; default .holdfast',
  );

const remote = (command: Command, about: string): Command =>
  command
    .option('--connect <url>', about)
    .option('--token <token>', 'its token; prefer --token-file')
    .option('--token-file <file>', 'file with the token')
    .option('--tls-ca <file>', 'certificate authority of the coordinator');

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function split(value: string): string[] {
  const names = value.split(',').filter(Boolean);
  if (names.length === 0) throw new InvalidArgumentError('a name is missing');
  return names;
}

const HELP_AFTER = `
Examples:
  holdfast run -- npx vitest run                     your suite, spread over local workers
  holdfast run --files 'test/*.js' -- node {file}    any command, one process per file
  holdfast run --last-failed -- npx vitest run       only what failed last time
  holdfast resume                                    go on after Ctrl-C or a crash
  holdfast coordinator                               a fleet: here the coordinator,
  holdfast worker --connect URL --token-file FILE    on each machine a worker,
  holdfast run --connect URL --token-file FILE -- …  and a run that uses them all

Exit codes: 0 passed, 1 tests failed, 2 usage, 3 machines failed but no test, 4 not proven, 5 nothing to run,
16 a wrong setting, 69 coordinator unreachable, 75 another process or a full disk is in the way, 77 token refused,
78 refuses to start, 130 and 143 ended by a signal.
Settings also come from variables and from holdfast.config.ts: --fail-fast is HOLDFAST_FAIL_FAST and run.failFast.`;

const CHAOS_HELP_AFTER = `
Faults and what can be set (milliseconds and bytes unless said otherwise):
  latency:latency,jitter   bandwidth:rate (KB/s)   slow_close:delay   timeout:timeout   reset_peer:timeout
  slicer:average_size,size_variation,delay (microseconds)   limit_data:bytes   blackhole:after   half_open:after
  corrupt:every   truncate:bytes   duplicate:percent   refuse
upstream is what the client sends, downstream (the default) what it gets; ~0.3 meets three connections of ten.

Examples:
  holdfast chaos proxy --upstream 127.0.0.1:7070 --toxic latency:latency=200,jitter=50
  holdfast chaos proxy --upstream 127.0.0.1:7070 --toxic blackhole@upstream~0.5:after=3000 --seed 7`;

const RUN_HELP_AFTER = `
Known runners: vitest, node --test; scripts, npx and wrappers such as cross-env are understood. Any other: --files or --commands.
Nothing is written into the project: history, logs and reports are in node_modules/.cache/holdfast, else in the user's cache.
Ctrl-C interrupts in order (holdfast resume goes on); a second one leaves at once.`;
