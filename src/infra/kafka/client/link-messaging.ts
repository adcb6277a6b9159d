import type { LostRows } from '../../../application/reporting/reporter.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Fault } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import type { Messaging, MessagingDriver } from '../../messaging.ts';
import type { Kafka } from '../addon/load.ts';
import { LITTLE_AHEAD_KB, openIntervalReader } from '../consume/interval-reader.ts';
import { writtenTrades } from '../consume/written-trades.ts';
import { Dropped } from '../produce/dropped.ts';
import { type Encodings, encodingOf } from '../produce/encodings.ts';
import { Losses } from '../produce/losses.ts';
import type { Outgoing } from '../produce/outgoing.ts';
import { kafkaPublisher } from '../produce/publisher.ts';
import { Rejects } from '../produce/rejects.ts';
import { rowJournal } from '../produce/row-journal.ts';
import { Spooled } from '../produce/spooled.ts';
import { kafkaWriter } from '../produce/writer.ts';
import { type OpenSpool, type OutboxDeps, openSpool, READER_MS } from '../recover/open-spool.ts';
import type { BrokerLink } from './broker-link.ts';
import type { ClusterOptions } from './client-options.ts';
import { errorText } from './error-text.ts';
import { readStatistics } from './statistics.ts';
import { within } from './within.ts';

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
  /** How a reader reaches the cluster. */
  readonly cluster: ClusterOptions;
  /** Left out: messages are in memory alone. */
  readonly outbox?: OutboxDeps | null;
}

/** Of the time for the last flush, what is kept for records of rows that are given up in it: a quarter, at most this. */
const LAST_WORDS_MS = 1_000;
/** For the last sync of the outbox. */
const CLOSE_MS = 1_000;

/** Messaging over a connected line. */
export function linkMessaging(parts: LinkMessagingParts): Messaging {
  const { link, encodings, clock, driver, bootstrap } = parts;
  const { queue, breaker } = link;
  const words = errorText(parts.kafka);
  const dropped = new Dropped(clock, parts.log, (fault) => parts.onFault?.(fault));
  const losses = new Losses(clock, parts.log, (loss) => parts.onLoss?.(loss));
  const rejects: Rejects = new Rejects(
    { publish: (message) => publisher.publish(message) },
    clock,
    parts.log,
  );
  const outbox = parts.outbox
    ? openSpool(parts.outbox, { ...parts, rejects, losses, errorText: words })
    : null;
  const wayOut = outbox?.spool ?? queue;
  const publisher = kafkaPublisher({ queue: wayOut, encodings, dropped, errorText: words });
  return {
    driver,
    bootstrap,
    lost: new Promise(() => {}),
    ...(outbox ? { begun: outbox.spool.begun } : {}),
    publisher,
    written: writtenTrades({
      encodingOf: (topic) => encodingOf(encodings, topic),
      openReader: () =>
        openIntervalReader({ ...parts.cluster, timeoutMs: READER_MS, aheadKb: LITTLE_AHEAD_KB }),
      clock,
    }),
    writer: kafkaWriter({
      queue: wayOut,
      encodings,
      rejects,
      losses,
      clock,
      errorText: words,
      ...(outbox ? { journal: rowJournal(outbox.spool, encodings, clock) } : {}),
    }),
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
      troubles: [...link.troubles(), ...comparing(outbox)],
      outbox: outbox?.state() ?? null,
      client: link.statistics === null ? null : readStatistics(link.statistics),
    }),
    async flush(deadlineMs) {
      rejects.flush();
      losses.flush();
      const until = clock.now() + deadlineMs;
      // Where the cluster takes some topics, the loss of what it does not take can still be told.
      const lastMs = breaker.state === 'closed' ? Math.min(LAST_WORDS_MS, deadlineMs / 4) : 0;
      if (outbox) {
        void queue.drained();
        await within(Math.max(0, deadlineMs - lastMs), outbox.spool.drained(), clock);
        outbox.spool.close();
      }
      const left = await link.flush(Math.max(0, until - clock.now()), lastMs, () => losses.flush());
      const lost = left.filter((message) => !isKept(message));
      const undelivered = lost.reduce((rows, message) => rows + message.rows, 0);
      if (!outbox) return { undelivered, messages: left.length };
      const kept = outbox.store.figures.messages;
      return { undelivered, messages: lost.length + kept, kept };
    },
    async close() {
      await Promise.all([link.close(), outbox?.close(CLOSE_MS)]);
    },
  };
}

/** Whether the outbox has it. */
function isKept(message: Outgoing): boolean {
  return message instanceof Spooled && message.place !== null;
}

/** What a former life left is not sent before its topics could be read. */
function comparing(outbox: OpenSpool | null): string[] {
  const { comparing: waits = false, trouble = null, messages = 0 } = outbox?.state() ?? {};
  if (!waits || trouble === null) return [];
  return [
    `${messages} messages wait in the outbox until the topics of a former life can be read: ${trouble}`,
  ];
}
