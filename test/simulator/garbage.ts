/** Texts no exchange would send, by kind; what is on the wire is the protocol's encoding of them. */
const TEXTS: Readonly<Record<string, string>> = {
  text: 'this is no JSON',
  truncated: '{"type":"trade","code":"KRW-',
  deep: `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  empty: '',
  null: 'null',
  number: '1e999',
  array: '[[],{},null,"x"]',
  unknown: '{"type":"unheard-of","channel":"nowhere","e":"what","data":[{"x":1}]}',
};

/** Bytes of a binary frame that are neither UTF-8 nor gzip. */
const BYTES = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 128) & 255);

/** Text to encode, or bytes to send as they are. @param kind a key of `TEXTS`, or `bytes` */
export function garbage(kind: string): string | Uint8Array {
  if (kind === 'bytes') return BYTES;
  const text = TEXTS[kind];
  if (text === undefined)
    throw new Error(`garbage is bytes or ${Object.keys(TEXTS).join(', ')}; not ${kind}`);
  return text;
}

/** A legal JSON text of about `bytes` bytes. */
export function bigText(bytes: number): string {
  return `{"pad":"${'x'.repeat(Math.max(0, bytes - 10))}"}`;
}

/** One gzip member of blanks. */
export function gzipBomb(bytes: number): Uint8Array {
  return Bun.gzipSync(Buffer.alloc(bytes, ' '));
}
