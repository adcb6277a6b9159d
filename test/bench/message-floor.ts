import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recipe } from '../../src/infra/kafka/addon/build.ts';
import { run } from '../../src/infra/kafka/addon/run.ts';

const ROOT = join(import.meta.dir, '..', '..');
const LIBRARIES = ['-lssl', '-lcrypto', '-lz', '-lzstd', '-lpthread', '-ldl', '-lm'];

/** The floor of a Kafka message: a program in C with the same librdkafka, compiled in a folder that `remove` deletes. */
export async function messageFloor(): Promise<{ readonly program: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'kor-coin-stream-bench-'));
  const program = join(folder, 'message-floor');
  const { librdkafkaCache, includes } = recipe(ROOT);
  const source = join(import.meta.dir, 'message-floor.c');
  const argv = ['-O2', ...includes.map((one) => `-I${one}`), source, '-o', program];
  await run('gcc', [...argv, join(librdkafkaCache, 'librdkafka.a'), ...LIBRARIES], {
    cwd: folder,
    log: join(folder, 'log'),
  });
  return { program, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
