/** Certificates for TLS, made by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from './sandbox.ts';

/** An authority, and a certificate of it for an IP address, as PEM files. */
export function certificates(box: Sandbox, address = '127.0.0.1'): { readonly ca: string; readonly cert: string; readonly key: string } {
  const folder = join(box.folder, 'tls');
  mkdirSync(folder);
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe', timeout: 20_000 });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...curve, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=Test authority');
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    at('key.pem'),
    '-out',
    at('cert.pem'),
    '-subj',
    `/CN=${address}`,
    '-addext',
    `subjectAltName=IP:${address}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
  );
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') };
}
