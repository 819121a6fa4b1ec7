/** Compression with Node's zlib: zstd where this Node has it, deflate everywhere. */
import * as zlib from 'node:zlib';
import type { Packer } from '../packer.ts';

const hasZstd = typeof zlib.zstdCompressSync === 'function';

/** Both methods, synchronous: a message is at most 512 KiB. */
export const nodePacker: Packer = {
  methods: hasZstd ? ['zstd', 'deflate'] : ['deflate'],
  pack: (method, text) => (method === 'zstd' ? zlib.zstdCompressSync(text) : zlib.deflateRawSync(text)).toString('base64'),
  unpack(method, base64, bytesMax) {
    const options = { maxOutputLength: bytesMax };
    const bytes = Buffer.from(base64, 'base64');
    try {
      return (method === 'zstd' ? zlib.zstdDecompressSync(bytes, options) : zlib.inflateRawSync(bytes, options)).toString('utf8');
    } catch (error) {
      // Anything else is a peer's rubbish: it is returned and closes the link.
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : undefined;
    }
  },
};
