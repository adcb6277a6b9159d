import { Fault } from '../../../common/errors.ts';
import { type ClusterOptions, kafkaOrFault, producerOptions } from '../client/client-options.ts';
import { connectFault, moreTelling, spoken } from '../client/connect-fault.ts';
import { errorText } from '../client/error-text.ts';
import { Producer } from '../client/producer.ts';
import type { Header } from './outgoing.ts';

export interface OneMessage {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
}

/**
 * Publishes one message and waits for its acknowledgement; for the command line, which has nothing else to say.
 * @throws {Fault} addon_unavailable, config_invalid, broker_unavailable, message_rejected
 */
export async function produceOne(
  cluster: ClusterOptions,
  message: OneMessage,
  timeoutMs: number,
): Promise<void> {
  const answered = Promise.withResolvers<number>();
  const kafka = kafkaOrFault();
  const options = producerOptions(
    { ...cluster, options: { ...cluster.options, 'message.timeout.ms': timeoutMs } },
    0,
  );
  let lastWords: string | null = null;
  const producer = new Producer(kafka, options, {
    report: (_id, code) => answered.resolve(code),
    error() {},
    log: (_severity, text) => {
      lastWords = moreTelling(lastWords, text);
    },
    statistics() {},
  });
  try {
    await producer.connect(timeoutMs);
  } catch (error) {
    throw connectFault(error, cluster.bootstrapServers, timeoutMs, lastWords);
  }
  try {
    const outgoing = {
      ...message,
      rows: 0,
      delivered() {},
      refused() {},
      undelivered() {},
      split: () => null,
    };
    const code = producer.produce(outgoing, 1) || (await answered.promise);
    if (code === 0) return;
    const words = [errorText(kafka)(code), spoken(lastWords ?? '')].filter((part) => part !== '').join('; ');
    const what = `The broker did not take the message: ${words}.`;
    throw new Fault('message_rejected', message.topic, what, 'Check the topic and the permissions.');
  } finally {
    await producer.close();
  }
}
