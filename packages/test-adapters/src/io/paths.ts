import { sep } from 'node:path';

/** A path with forward slashes, as units and results carry it. */
export const portable = (path: string): string => (sep === '/' ? path : path.replaceAll(sep, '/'));
