import { join } from 'node:path';
import { createTopic } from '../services/kafka-wire.ts';
import { TOPICS } from './message-source.ts';

export interface MessageCost {
  /** CPU time of the process per message, all threads, µs. */
  readonly us: number;
  readonly messagesPerS: number;
}

const PARTITIONS = 6;

/**
 * What a message costs from the queue to its acknowledgement by a real broker.
 * @param rate messages a second; 0: as many as it takes
 */
export async function messageCost(
  bootstrap: string,
  rate: number,
  { warmUpS, seconds }: { readonly warmUpS: number; readonly seconds: number },
): Promise<MessageCost> {
  for (const topic of TOPICS) await createTopic(bootstrap, topic, PARTITIONS);
  const argv = [bootstrap, String(rate), String(warmUpS), String(seconds)];
  const client = Bun.spawn([process.execPath, join(import.meta.dir, 'message-client.ts'), ...argv], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const [said, code] = await Promise.all([client.stdout.text(), client.exited]);
  if (code !== 0) throw new Error(`the client that sends messages ended with ${code}`);
  const { messages, cpuUs, seconds: took } = JSON.parse(said.trim()) as Record<string, number>;
  if (!messages || cpuUs === undefined || !took) throw new Error('the client that sends messages sent none');
  return { us: cpuUs / messages, messagesPerS: messages / took };
}
