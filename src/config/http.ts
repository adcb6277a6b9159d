import { version } from '../../package.json';
import type { Observation } from '../application/metrics/observation.ts';
import { commit } from '../common/build-info.ts';
import type { Log } from '../common/log.ts';
import { events } from '../infra/http/events.ts';
import type { Observed, VersionInfo } from '../infra/http/observed.ts';
import { ProcessFigures } from '../infra/http/process-figures.ts';
import { routes } from '../infra/http/routes.ts';
import { type HttpServer, startHttp } from '../infra/http/server.ts';
import { librdkafkaVersion } from '../infra/kafka/addon/load.ts';
import type { Settings } from './settings.ts';

export type HttpParts = Omit<Observed, 'version' | 'process' | 'live' | 'gaps' | 'offsets' | 'codeLabels'> & {
  readonly observation: Observation;
};

const LOOPBACK = /^(127\.|localhost$|::1$|\[::1\]$)/;

/**
 * Health, metrics, status and the page.
 * @throws Fault port_in_use
 */
export async function openHttp({ http }: Settings, log: Log, parts: HttpParts): Promise<HttpServer> {
  const { observation, ...rest } = parts;
  const { live, gaps, offsets } = observation;
  const figures = new ProcessFigures(parts.clock);
  const observed: Observed = {
    ...rest,
    live,
    gaps,
    offsets,
    version: versionInfo(),
    process: figures,
    codeLabels: http.code_labels,
  };
  const feed = events(observed);
  const { host, port, token, allowed_hosts } = http;
  const server = await startHttp({
    host,
    port,
    token,
    allowedHosts: allowed_hosts,
    routes: routes(observed, feed),
    onError: (error) => log.error({ phase: 'http', err: error }, `HTTP: ${error.message}`),
  });
  if (token === null && !LOOPBACK.test(host))
    log.warn(
      { phase: 'http', address: server.address },
      'the page and /status are open to everybody who reaches this address: set HTTP_TOKEN, or HTTP_HOST=127.0.0.1',
    );
  figures.start();
  return {
    ...server,
    async stop() {
      figures.stop();
      feed.stop();
      await server.stop();
    },
  };
}

function versionInfo(): VersionInfo {
  return { version, commit: commit(), bun: Bun.version, librdkafka: librdkafka() };
}

/** Null where the addon is not there, and nobody asked for it. */
function librdkafka(): string | null {
  try {
    return librdkafkaVersion();
  } catch {
    return null;
  }
}
