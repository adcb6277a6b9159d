import type { LostRows } from '../../../application/reporting/reporter.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Fault } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import type { Messaging, MessagingDriver } from '../../messaging.ts';
import type { Kafka } from '../addon/load.ts';
import { Dropped } from '../produce/dropped.ts';
import type { Encodings } from '../produce/encodings.ts';
import { Losses } from '../produce/losses.ts';
import { kafkaPublisher } from '../produce/publisher.ts';
import { Rejects } from '../produce/rejects.ts';
import { kafkaWriter } from '../produce/writer.ts';
import type { BrokerLink } from './broker-link.ts';
import { errorText } from './error-text.ts';
import { readStatistics } from './statistics.ts';

export interface LinkMessagingParts {
  readonly kafka: Kafka;
  readonly driver: MessagingDriver;
  readonly bootstrap: string;
  readonly link: BrokerLink;
  readonly encodings: Encodings;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of rows that are given up. */
  readonly onLoss?: (loss: LostRows) => void;
  /** Told of what else belongs on `ws.error`. */
  readonly onFault?: (fault: Fault) => void;
}

/** Of the time for the last flush, what is kept for records of rows that are given up in it: a quarter, at most this. */
const LAST_WORDS_MS = 1_000;

/** Messaging over a connected line. */
export function linkMessaging(parts: LinkMessagingParts): Messaging {
  const { link, encodings, clock, driver, bootstrap } = parts;
  const { queue, breaker } = link;
  const words = errorText(parts.kafka);
  const dropped = new Dropped(clock, parts.log, (fault) => parts.onFault?.(fault));
  const publisher = kafkaPublisher({ queue, encodings, dropped, errorText: words });
  const rejects = new Rejects(publisher, clock, parts.log);
  const losses = new Losses(clock, parts.log, (loss) => parts.onLoss?.(loss));
  return {
    driver,
    bootstrap,
    lost: new Promise(() => {}),
    publisher,
    writer: kafkaWriter({ queue, encodings, rejects, losses, clock, errorText: words }),
    state: () => ({
      driver,
      breaker: { state: breaker.state, since: breaker.since, opened: breaker.opened },
      waiting: { messages: queue.waitingMessages, bytes: queue.waitingBytes },
      inFlight: { messages: queue.underWayMessages, bytes: queue.underWayBytes },
      delivered: { messages: queue.delivered, bytes: queue.deliveredBytes },
      retried: queue.retried,
      refused: { messages: rejects.messages, rows: rejects.rows },
      dropped: dropped.counts,
      renewed: link.renewed,
      troubles: link.troubles(),
      client: link.statistics === null ? null : readStatistics(link.statistics),
    }),
    async flush(deadlineMs) {
      rejects.flush();
      losses.flush();
      // Where the cluster takes some topics, the loss of what it does not take can still be told.
      const lastMs = breaker.state === 'closed' ? Math.min(LAST_WORDS_MS, deadlineMs / 4) : 0;
      const left = await link.flush(deadlineMs, lastMs, () => losses.flush());
      return { undelivered: left.reduce((rows, message) => rows + message.rows, 0), messages: left.length };
    },
    close: () => link.close(),
  };
}
