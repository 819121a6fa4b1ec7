/** What to type to get this command again: under `npx` the bare name is not on the path. */
export const commandName = (env: Readonly<Record<string, string | undefined>>): string =>
  env['npm_command'] === 'exec' ? 'npx holdfast' : 'holdfast';
