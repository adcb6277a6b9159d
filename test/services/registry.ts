import { existsSync } from 'node:fs';
import { archived, REGISTRY_ARCHIVE, registryJar } from './paths.ts';
import { scratchDir } from './scratch.ts';
import { Server, startOnPort } from './server.ts';

export interface RegistryOptions {
  port?: number;
  /** Flags of Java in place of the archive of classes. */
  java?: string[];
}

export type RegistryServer = Server & { url: string; port: number };

/** Starts a schema registry of the caller's own. It keeps schemas in memory: a restart forgets them. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  if (!existsSync(registryJar)) {
    throw new Error('the schema registry is missing: run `bun test/services/install.ts`');
  }
  return startOnPort(options.port, (port) => registryOn(port, options.java ?? [archived(REGISTRY_ARCHIVE)]));
}

function registryOn(port: number, flags: string[]): RegistryServer {
  // Confluent's REST API lies under a path here: clients have to keep the path of the base URL.
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const server = new Server({
    name: 'schema registry',
    port,
    argv: [
      'java',
      ...flags,
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-jar',
      registryJar,
    ],
    dir: scratchDir('registry'),
    ready: async () => {
      const answer = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
      await answer?.body?.cancel();
      return answer?.status === 200;
    },
  });
  return Object.assign(server, { url, port });
}
