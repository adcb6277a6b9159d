import { tmpdir } from 'node:os';

/** The addon cannot be loaded: `message` says what is missing, `remedy` what to do about it. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
  readonly remedy: string;

  constructor(message: string, remedy: string, cause: unknown) {
    super(message, { cause });
    this.remedy = remedy;
  }
}

/** Debian's packages of the shared libraries that the addon needs beside libc. */
const LIBRARIES: Record<string, string> = {
  'libz.so.1': 'zlib1g',
  'libzstd.so.1': 'libzstd1',
  'libgcc_s.so.1': 'libgcc-s1',
};

/** Turns the error of a failed load into one that names the missing piece. */
export function explain(error: unknown): AddonError {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;

  if (code === 'MODULE_NOT_FOUND') {
    const what = text.includes('kafka-addon')
      ? 'The Kafka addon is not built.'
      : 'The Kafka client is not installed.';
    return new AddonError(what, 'Run: bun run setup', error);
  }
  const glibc = /version `GLIBC_([\d.]+)' not found/.exec(text);
  if (glibc !== null)
    return new AddonError(
      `The Kafka addon needs glibc ${glibc[1]}, which this system does not have.`,
      'Use Debian 12, Ubuntu 22.04, RHEL 9 or newer.',
      error,
    );
  const library = Object.keys(LIBRARIES).find((name) => text.includes(name));
  if (library !== undefined)
    return new AddonError(
      `The Kafka addon needs the library ${library}.`,
      `Install it; on Debian: apt-get install ${LIBRARIES[library]}`,
      error,
    );
  if (/undefined symbol/.test(text))
    return new AddonError(
      `The Kafka addon was built for another Bun than ${Bun.version} (${text}).`,
      'Run: bun run setup',
      error,
    );
  if (code === 'ERR_DLOPEN_FAILED')
    return new AddonError(
      `The Kafka addon cannot be loaded (${text}). The binary copies it to TMPDIR at start, now ${tmpdir()}: that ` +
        'folder must be writable and not mounted noexec.',
      'Run it with such a folder, as in: TMPDIR=/var/tmp kor-coin-stream run',
      error,
    );
  return new AddonError(`The Kafka addon cannot be loaded (${text}).`, 'Run: bun run setup', error);
}
