import { join } from 'node:path';
import { createTopic } from '../services/kafka-wire.ts';
import { TOPICS } from './message-source.ts';

export interface MessageCost {
  /** CPU time of the process per message, all threads, µs. */
  readonly us: number;
  readonly messagesPerS: number;
}

const PARTITIONS = 6;

/** How long it runs before it is measured, for how long each time, s, and how often (1). */
export interface MessageWindows {
  readonly warmUpS: number;
  readonly seconds: number;
  readonly count?: number;
}

/**
 * What a message costs from the queue to its acknowledgement by a real broker, of each window.
 * @param rate messages a second; 0: as many as it takes
 * @param program left out: ours
 */
export async function messageCost(
  bootstrap: string,
  rate: number,
  { warmUpS, seconds, count = 1 }: MessageWindows,
  program: readonly string[] = [process.execPath, join(import.meta.dir, 'message-client.ts')],
): Promise<MessageCost[]> {
  for (const topic of TOPICS) await createTopic(bootstrap, topic, PARTITIONS);
  const argv = [bootstrap, ...[rate, warmUpS, seconds, count].map(String)];
  const client = Bun.spawn([...program, ...argv], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const [said, code] = await Promise.all([client.stdout.text(), client.exited]);
  if (code !== 0) throw new Error(`the client that sends messages ended with ${code}`);
  return said.trim().split('\n').map(costOf);
}

function costOf(line: string): MessageCost {
  const { messages, cpuUs, seconds } = JSON.parse(line) as Record<string, number>;
  if (!messages || cpuUs === undefined || !seconds)
    throw new Error('the client that sends messages sent none');
  return { us: cpuUs / messages, messagesPerS: messages / seconds };
}
