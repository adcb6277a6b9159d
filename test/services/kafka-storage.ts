import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formattedKafka, kafkaJars } from './paths.ts';

/** Any valid id will do: clusters of tests never meet. */
const CLUSTER_ID = 'a29yLWNvaW4tc3RyZWFtMA';
const META = 'meta.properties';

/** Lets Kafka's own tool format the data folder that these settings name. */
export async function formatStorage(settings: string): Promise<void> {
  const argv = ['java', '-cp', kafkaJars(), 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID];
  const tool = Bun.spawn([...argv, '-c', settings], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' });
  const [said, code] = await Promise.all([tool.stderr.text(), tool.exited]);
  if (code !== 0) throw new Error(`kafka could not format its data folder: ${said.trim()}`);
}

/** Makes a formatted data folder out of the one that the tool once made: they differ in number and name alone. */
export async function copyStorage(data: string, nodeId: string): Promise<void> {
  await cp(formattedKafka(), data, { recursive: true });
  const meta = await readFile(join(data, META), 'utf8');
  const own = meta
    .replace(/^node\.id=.*$/m, `node.id=${nodeId}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${Bun.randomUUIDv7('base64url')}`);
  await writeFile(join(data, META), own);
}
