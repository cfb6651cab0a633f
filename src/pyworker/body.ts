import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

/** Longer than what is taken, or compressed into something that is. */
export class BodyTooLong extends Error {}
/** No text in the encoding it names. */
export class BodyUnreadable extends Error {}

/** The body of a request, whole and unpacked. Rejects with a `BodyTooLong`, or when the caller has left. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw new BodyTooLong();
  const bytes = await collect(request, bytesMax);
  const encoding = request.headers['content-encoding'];
  return encoding === undefined || encoding === 'identity' ? bytes : unpack(bytes, encoding, bytesMax);
}

function collect(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) reject(new BodyTooLong());
      else chunks.push(chunk);
    });
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('error', reject);
    request.on('close', () => reject(new Error('the caller left')));
  });
}

const UNPACKERS = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

async function unpack(bytes: Buffer, encoding: string, bytesMax: number): Promise<Buffer> {
  const unpacker = UNPACKERS.get(encoding.toLowerCase());
  if (unpacker === undefined) throw new BodyUnreadable();
  try {
    return await unpacker(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? new BodyTooLong()
      : new BodyUnreadable();
  }
}

/** Its text, in UTF-8 unless the content type names another encoding. Throws a `BodyUnreadable`. */
export function textOf(bytes: Buffer, contentType: string | undefined): { text: string; isUtf8: boolean } {
  const charset = /;\s*charset="?([\w-]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset === 'utf-8' || charset === 'utf8') {
    if (!isUtf8(bytes)) throw new BodyUnreadable();
    return { text: bytes.toString('utf8'), isUtf8: true };
  }
  try {
    // As Python spells it, and Node does not.
    const label = charset.startsWith('latin') ? 'latin1' : charset;
    return { text: new TextDecoder(label, { fatal: true }).decode(bytes), isUtf8: false };
  } catch {
    throw new BodyUnreadable();
  }
}
