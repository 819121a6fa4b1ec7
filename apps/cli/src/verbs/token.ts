/** `holdfast token`: credentials of workers, submitters and readers. */
import { SCOPES, type Scope, tokenState } from '@holdfast/auth';
import { parseDuration } from '@holdfast/kernel';
import { connect, type ConnectionFlags } from '../connection.ts';
import { type Console, table } from '../console.ts';
import { EXIT, usageError } from '../exit.ts';

export interface TokenFlags extends ConnectionFlags {
  readonly json?: boolean;
  readonly scope?: readonly string[];
  readonly name?: string;
  readonly expires?: string;
}

export async function tokenVerb(
  action: 'create' | 'list' | 'rotate' | 'revoke',
  key: string | undefined,
  flags: TokenFlags,
  io: Console,
): Promise<number> {
  const client = connect(flags);
  try {
    switch (action) {
      case 'create': {
        const scopes = scopesOf(flags.scope ?? []);
        const minted = await client.mintToken(flags.name ?? scopes.join('.').slice(0, NAME_MAX), scopes, lifeOf(flags.expires));
        if (flags.json) io.printJson(minted);
        else io.print(minted.token);
        io.say(`holdfast: token ${minted.facts.keyId} for ${scopes.join(', ')}; it is shown this once`);
        return EXIT.passed;
      }
      case 'rotate': {
        const minted = await client.rotateToken(key!);
        if (flags.json) io.printJson(minted);
        else io.print(minted.token);
        io.say(`holdfast: ${minted.facts.keyId} replaces ${key}; it is shown this once`);
        return EXIT.passed;
      }
      case 'revoke':
        await client.revokeToken(key!);
        io.say(`holdfast: ${key} is revoked, its connections are closed`);
        return EXIT.passed;
      case 'list': {
        const tokens = await client.tokens();
        if (flags.json) io.printJson(tokens);
        else {
          const rows = tokens.map((token) => [
            token.keyId,
            token.name,
            token.scopes.join(','),
            new Date(token.expiresWall).toISOString().slice(0, 10),
            tokenState(token, Date.now()),
          ]);
          for (const line of table([['KEY', 'NAME', 'SCOPES', 'EXPIRES', 'STATE'], ...rows])) io.print(line);
        }
        return EXIT.passed;
      }
    }
  } finally {
    client.close();
  }
}

function scopesOf(names: readonly string[]): Scope[] {
  if (names.length === 0) throw usageError(`create a token: which scopes? Give --scope, one of ${SCOPES.join(', ')}`);
  for (const name of names) {
    if (!(SCOPES as readonly string[]).includes(name))
      throw usageError(`create a token with scope ${name}: known are ${SCOPES.join(', ')}`);
  }
  return [...names] as Scope[];
}

function lifeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = /^(\d{1,4})d$/.exec(text);
  const life = days ? Number(days[1]) * 86_400_000 : parseDuration(text);
  if (life === undefined || life === 0) throw usageError(`let a token expire after ${text}: expected a duration such as 90d or 12h`);
  return life;
}

/** What the coordinator takes as a name. */
const NAME_MAX = 64;
