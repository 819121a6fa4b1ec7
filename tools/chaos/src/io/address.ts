/** `HOST:PORT` as Toxiproxy writes addresses: `localhost:80`, `[::1]:80`, `:80`. */
import { CodedError } from '@holdfast/kernel';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads an address. Without a host it is loopback: a fault proxy is nobody else's business. Errors: `CHAOS_ADDRESS`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([^\s:[\]/]{0,253})):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    const error = `address ${text}: expected HOST:PORT`;
    throw new CodedError('CHAOS_ADDRESS', `read the ${error}`, { details: { address: text, status: 500, error } });
  }
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** Writes one. */
export const formatAddress = ({ host, port }: Address): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
