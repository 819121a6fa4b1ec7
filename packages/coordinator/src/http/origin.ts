/**
 * Who a request claims to talk to and where it comes from, decided before routing, on loopback too:
 * a web page in a developer's browser reaches 127.0.0.1, by a rebound name or across origins.
 *
 * H1 A host that is not on the list is 421; an IP address cannot be rebound and passes.
 * H2 An `Origin` that is neither the coordinator's own nor on the list is 403. None at all is no browser and passes.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface OriginPolicy {
  /** Lower case, without port. */
  readonly hosts: ReadonlySet<string>;
  /** Exact, as browsers send them. */
  readonly origins: ReadonlySet<string>;
  readonly scheme: 'http' | 'https';
}

/** What to refuse a request with; undefined: nothing. */
export function refuseOrigin(request: IncomingMessage, policy: OriginPolicy): 400 | 403 | 421 | undefined {
  const host = request.headers.host;
  if (host === undefined || countOf(request, 'host') !== 1) return 421;
  if (!isAllowedHost(host, policy)) return 421;
  const target = request.url ?? '/';
  if (!target.startsWith('/')) {
    // Absolute form names a host of its own; anything else (`*`, an authority) is not for us.
    if (!URL.canParse(target)) return 400;
    if (new URL(target).host.toLowerCase() !== host.toLowerCase()) return 421;
  }
  const origin = request.headers.origin;
  if (origin === undefined) return undefined;
  return origin === `${policy.scheme}://${host}` || policy.origins.has(origin) ? undefined : 403;
}

function isAllowedHost(host: string, policy: OriginPolicy): boolean {
  const match = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::\d{1,5})?$/i.exec(host);
  if (!match) return false;
  const name = match[1]!.toLowerCase();
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || policy.hosts.has(name);
}

function countOf(request: IncomingMessage, name: string): number {
  let count = 0;
  for (let index = 0; index < request.rawHeaders.length; index += 2) if (request.rawHeaders[index]!.toLowerCase() === name) count += 1;
  return count;
}
