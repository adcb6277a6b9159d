import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { startKafka, writeSettings } from './kafka.ts';
import { formatStorage } from './kafka-storage.ts';
import { createTopic } from './kafka-wire.ts';
import { FORMATTED, KAFKA_ARCHIVE, REGISTRY_ARCHIVE } from './paths.ts';
import { produce } from './produce.ts';
import { startRegistry } from './registry.ts';
import { endAllServers, scratchDir } from './scratch.ts';

/** An archive is written when the server ends, and a piece of one is none. */
const ARCHIVED_WITHIN_MS = 300_000;

/**
 * Fills a folder with what Kafka and the registry start from in half of their time: a formatted data folder, and of each
 * the classes that it has loaded when it is at work, as Java keeps them.
 */
export async function warmUp(dir: string): Promise<void> {
  try {
    await Promise.all([warmKafka(dir), warmRegistry(dir)]);
  } finally {
    await endAllServers();
  }
}

async function warmKafka(dir: string): Promise<void> {
  const dataDir = scratchDir('kafka');
  await formatStorage(await writeSettings(dataDir));
  await cp(join(dataDir, 'data'), join(dir, FORMATTED), { recursive: true });
  const server = await startKafka({ dataDir, java: [archiving(join(dir, KAFKA_ARCHIVE))] });
  await createTopic(server.bootstrap, 'warm');
  await produce({ bootstrap: server.bootstrap, topic: 'warm', value: 'warm' });
  await server.stop(ARCHIVED_WITHIN_MS);
}

async function warmRegistry(dir: string): Promise<void> {
  const server = await startRegistry({ java: [archiving(join(dir, REGISTRY_ARCHIVE))] });
  await fetch(`${server.url}/subjects/warm/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: '"string"' }),
  });
  await server.stop(ARCHIVED_WITHIN_MS);
}

function archiving(file: string): string {
  return `-XX:ArchiveClassesAtExit=${file}`;
}
