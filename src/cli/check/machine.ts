import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Settings } from '../../config/settings.ts';
import { kafkaOrFault } from '../../infra/kafka/client/client-options.ts';
import type { Found, Look } from './look.ts';

/** Sockets of every exchange, brokers, Redis, the page and its readers, with room. */
const ENOUGH_FILES = 4096;
const MIB = 1024 * 1024;
/** The unpacked Kafka client, three times over. */
const LEAST_DISK = 32 * MIB;

/** What the machine itself has to have. */
export function machineLooks({ http }: Settings): Look[] {
  return [
    { name: 'TMPDIR', look: executableTmp },
    { name: 'Kafka addon', look: async () => `librdkafka ${kafkaOrFault().librdkafkaVersion}` },
    { name: 'HTTP port', look: () => freePort(http.host, http.port) },
    { name: 'open files', look: openFiles },
  ];
}

/** The binary unpacks its addon there, so files must be writable and runnable. @throws Fault addon_unavailable */
async function executableTmp(): Promise<Found> {
  const folder = tmpdir();
  let made: string | null = null;
  try {
    made = await mkdtemp(join(folder, 'kcs-check-'));
    const script = join(made, 'run.sh');
    await writeFile(script, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    const { exitCode } = Bun.spawnSync([script]);
    if (exitCode !== 0) throw new Error('files there cannot be run');
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const little = free < LEAST_DISK;
    const room = `${Math.round(free / MIB)} MiB free`;
    const words = `${folder} is writable and executable, ${room}`;
    return {
      words: little ? `${words}: the Kafka client is unpacked there, make it ${LEAST_DISK / MIB} MiB` : words,
      doubtful: little,
    };
  } catch (error) {
    throw new Fault(
      'addon_unavailable',
      folder,
      messageOf(error),
      'Set TMPDIR to a writable folder that is not mounted noexec, as in: TMPDIR=/var/tmp kor-coin-stream run',
      error,
    );
  } finally {
    if (made !== null) await rm(made, { recursive: true, force: true });
  }
}

/** @throws Fault port_in_use */
function freePort(host: string, port: number): Promise<string> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const remedy = 'Set HTTP_PORT to another one, or 0 for any; is a collector running here already?';
      reject(new Fault('port_in_use', address, messageOf(error), remedy, error));
    });
    probe.listen(port, host, () =>
      probe.close(() => resolve(port === 0 ? 'any that is free' : `${address} is free`)),
    );
  });
}

async function openFiles(): Promise<Found> {
  await access('/proc/self/limits', constants.R_OK);
  const limits = await readFile('/proc/self/limits', 'utf8');
  const soft = limits.match(/^Max open files\s+(\S+)/m)?.[1] ?? 'unlimited';
  const enough = soft === 'unlimited' || Number(soft) >= ENOUGH_FILES;
  return {
    words: enough ? soft : `${soft} is little: ulimit -n ${ENOUGH_FILES}, or LimitNOFILE=`,
    doubtful: !enough,
  };
}
