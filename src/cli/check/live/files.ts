import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { ExchangeWatch } from '../../../core/live-check/exchange-watch.ts';
import type { LiveFinding } from '../../../core/live-check/findings.ts';
import type { KeptFrame } from '../../../core/live-check/kept-frames.ts';
import type { RestReply } from './asker.ts';

/** Makes the folder before anything is asked. @throws Fault input_unreadable where it cannot be written to */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const remedy = 'Give a folder that can be written to.';
    throw new Fault('input_unreadable', folder, messageOf(error), remedy, error);
  }
}

/**
 * Writes down what belongs to findings: frames of a stream as `replay` takes them, and what REST answered.
 * @returns the files
 */
export async function writeFrames(
  folder: string,
  watch: ExchangeWatch,
  replies: readonly RestReply[],
  findings: readonly LiveFinding[],
): Promise<string[]> {
  const { id } = watch.exchange;
  const own = findings.filter(({ exchange }) => exchange === id);
  const types = new Set(own.map(({ request_type }) => request_type));
  const files: string[] = [];
  for (const stream of watch.streams) {
    const frames = stream.kept.all();
    if (!types.has(stream.type) || frames.length === 0) continue;
    const file = join(folder, `${id}-${stream.type}.ndjson`);
    await writeFile(file, frames.map(frameLine).join(''));
    files.push(file);
  }
  if (own.length === 0 || replies.length === 0) return files;
  const file = join(folder, `${id}-rest.ndjson`);
  await writeFile(file, replies.map((reply) => `${JSON.stringify(reply)}\n`).join(''));
  return [...files, file];
}

function frameLine({ data, receivedAt }: KeptFrame): string {
  const frame = typeof data === 'string' ? { frame: data } : { base64: Buffer.from(data).toString('base64') };
  return `${JSON.stringify({ ...frame, received_at: receivedAt })}\n`;
}
