import { Fault, messageOf } from '../../common/errors.ts';
import { type ClusterOptions, kafkaOrFault, producerOptions } from './client-options.ts';
import { Producer } from './producer.ts';

export interface OneMessage {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
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
  const options = producerOptions(
    { ...cluster, options: { ...cluster.options, 'message.timeout.ms': timeoutMs } },
    0,
  );
  const producer = new Producer(kafkaOrFault(), options, {
    report: (_id, code) => answered.resolve(code),
    error() {},
    log() {},
    statistics() {},
  });
  try {
    await producer.connect(timeoutMs);
  } catch (error) {
    const what = `No Kafka broker answered (${messageOf(error)}).`;
    throw new Fault(
      'broker_unavailable',
      cluster.bootstrapServers,
      what,
      'Check kafka.bootstrap_servers.',
      error,
    );
  }
  try {
    const outgoing = {
      ...message,
      headers: [],
      rows: 0,
      delivered() {},
      refused() {},
      undelivered() {},
      split: () => null,
    };
    const code = producer.produce(outgoing, 1) || (await answered.promise);
    if (code === 0) return;
    const what = `The broker did not take the message (librdkafka ${code}).`;
    throw new Fault('message_rejected', message.topic, what, 'Check the topic and the permissions.');
  } finally {
    await producer.close();
  }
}
