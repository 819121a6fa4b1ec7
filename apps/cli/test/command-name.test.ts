import { expect, test } from 'vitest';
import { commandName } from '../src/run/command-name.ts';

test('started through npx or npm exec -> npx holdfast; by a script or a shell -> holdfast', () => {
  expect(commandName({ npm_command: 'exec' })).toBe('npx holdfast');
  expect(commandName({ npm_command: 'run-script' })).toBe('holdfast');
  expect(commandName({})).toBe('holdfast');
});
