import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { commit } from '../common/build-info.ts';

export const ROOT = join(import.meta.dir, '..', '..');
export const NAME = 'kor-coin-stream';

export interface BinaryOptions {
  readonly outfile: string;
  /** Another Bun than the running one, to go into the binary. */
  readonly bun?: string;
  /** Another Kafka addon than the one in node_modules. */
  readonly addon?: string;
}

/**
 * Everything (plug-ins, schemas, settings, the Kafka addon) into one file. A binary takes up neither a .env nor a
 * bunfig.toml that lies where it happens to be started.
 * @returns the files that went into it, as paths from the root of the repository
 * @throws Error where the bundler fails; its words are on standard error
 */
export async function buildBinary({ outfile, bun, addon }: BinaryOptions): Promise<string[]> {
  // Stack traces of the binary show the name it was built under, so that it has its own from the start.
  const draft = mkdtempSync(join(dirname(outfile), '.build-'));
  try {
    const built = await Bun.build({
      entrypoints: [join(ROOT, 'index.ts')],
      metafile: true,
      define: { KCS_COMMIT: JSON.stringify(commit()) },
      plugins: addon === undefined ? [] : [otherAddon(addon)],
      compile: {
        outfile: join(draft, basename(outfile)),
        autoloadDotenv: false,
        autoloadBunfig: false,
        ...(bun === undefined ? {} : { executablePath: bun }),
      },
    });
    if (!built.success) throw new AggregateError(built.logs, 'the bundler failed');
    // A collector that runs from the old file keeps it.
    renameSync(join(draft, basename(outfile)), outfile);
    return Object.keys(built.metafile?.inputs ?? {});
  } finally {
    rmSync(draft, { recursive: true });
  }
}

function otherAddon(path: string): Bun.BunPlugin {
  return {
    name: 'kafka-addon',
    setup(build) {
      build.onResolve({ filter: /^kafka-addon\/kafka\.node$/ }, () => ({ path }));
    },
  };
}
