import type { Clock } from '../../common/clock.ts';
import type { Log } from '../../common/log.ts';
import type { Messaging, MessagingDriver } from '../messaging.ts';
import type { Kafka } from './addon/load.ts';
import type { BrokerLink } from './broker-link.ts';
import type { Encodings } from './encodings.ts';
import { errorText } from './error-text.ts';
import { kafkaOutbox } from './outbox.ts';
import { Rejects } from './rejects.ts';
import { readStatistics } from './statistics.ts';
import { kafkaWriter } from './writer.ts';

export interface LinkMessagingParts {
  readonly kafka: Kafka;
  readonly driver: MessagingDriver;
  readonly bootstrap: string;
  readonly link: BrokerLink;
  readonly encodings: Encodings;
  readonly clock: Clock;
  readonly log: Log;
}

/** Messaging over a connected line. */
export function linkMessaging(parts: LinkMessagingParts): Messaging {
  const { link, encodings, clock, driver, bootstrap } = parts;
  const { queue, breaker } = link;
  const words = errorText(parts.kafka);
  const outbox = kafkaOutbox({ queue, encodings, errorText: words });
  const rejects = new Rejects(outbox, clock, parts.log);
  return {
    driver,
    bootstrap,
    lost: new Promise(() => {}),
    outbox,
    writer: kafkaWriter({ queue, encodings, rejects, clock, errorText: words }),
    state: () => ({
      driver,
      breaker: { state: breaker.state, since: breaker.since, opened: breaker.opened },
      waiting: { messages: queue.waitingMessages, bytes: queue.waitingBytes },
      inFlight: { messages: queue.underWayMessages, bytes: queue.underWayBytes },
      delivered: { messages: queue.delivered, bytes: queue.deliveredBytes },
      retried: queue.retried,
      refused: { messages: rejects.messages, rows: rejects.rows },
      renewed: link.renewed,
      client: link.statistics === null ? null : readStatistics(link.statistics),
    }),
    async flush(deadlineMs) {
      rejects.flush();
      const left = await link.flush(deadlineMs);
      return { undelivered: left.reduce((rows, message) => rows + message.rows, 0), messages: left.length };
    },
    close: () => link.close(),
  };
}
