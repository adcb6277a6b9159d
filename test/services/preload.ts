import { afterAll } from 'bun:test';
import { plugin } from 'bun';
import { endAllServers } from './scratch.ts';

/** Enough for a service that starts on a busy machine; a test that waits longer by its nature says so itself. */
const LIMIT_MS = 60_000;

/**
 * Bun forgets a default limit with the end of the file that set it, and its settings file has none: so each test file
 * begins with it, on its own first line.
 */
plugin({
  name: 'time limit of tests',
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, async ({ path }) => ({
      contents: `import { setDefaultTimeout as limit__ } from 'bun:test'; limit__(${LIMIT_MS}); ${await Bun.file(path).text()}`,
      loader: 'ts',
    }));
  },
});

afterAll(endAllServers);
