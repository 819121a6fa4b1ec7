/** What Ctrl-C means for a run: the first one interrupts it in order, the second one leaves at once. */

export interface Interrupts {
  /** Aborted once the run was told. */
  readonly signal: AbortSignal;
  /** Resolves with the signal's abortion: the run was told, or could not be. */
  readonly settled: Promise<void>;
  /** The exit code of the signal, if one came. */
  code(): number | undefined;
  dispose(): void;
}

/**
 * Listens for SIGINT and SIGTERM. `interrupt` is called once; the signal is aborted when it has resolved or failed.
 * `leave` is called at the second one and must end the process.
 */
export function listenForInterrupts(interrupt: (name: string) => Promise<void>, leave: (code: number) => void): Interrupts {
  const controller = new AbortController();
  const settled = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve(), { once: true }));
  let code: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (code !== undefined) return leave(code);
    code = name === 'SIGINT' ? 130 : 143;
    interrupt(name).then(
      () => controller.abort(),
      (error: unknown) => controller.abort(error),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    settled,
    code: () => code,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
