import type { Clock } from '../../common/clock.ts';
import { ERRORS, Fault, messageOf } from '../../common/errors.ts';
import { Fold } from '../../common/fold.ts';
import { isoMicros } from '../../common/iso-time.ts';
import type { Log } from '../../common/log.ts';
import type { StreamEvent, Target, TargetName } from '../../core/events.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Message, Publisher } from '../../core/ports.ts';

/** Identical errors within this time are one message with a count. */
const FOLD_MS = 60_000;

/** Where an error happened and what led to it. */
export interface ErrorScope {
  readonly target: Target | null;
  readonly correlationId?: string | null;
  readonly connectionId?: string;
  readonly code?: string;
  /** Facts for whoever looks into it: url, attempt, backoff, … */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Whoever tells of it has a dead letter of its own that says more. */
  readonly buried?: boolean;
}

/** Something for `ws.dlq`. */
export interface DeadLetter {
  readonly reason: string;
  readonly target: Readonly<Record<string, unknown>> | null;
  /** Key of the record; null: the target's. */
  readonly key: string | null;
  readonly correlationId: string | null;
  readonly rawContext: Readonly<Record<string, unknown>>;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Rows of one stream that were received and are given up. */
export interface LostRows {
  readonly target: Target;
  readonly codes: readonly string[];
  readonly from: Micros;
  readonly to: Micros;
  readonly rows: number;
  readonly fault: Fault;
}

/** Everything the collector says about itself: `ws.event`, `ws.error`, `ws.dlq`, `ws.connect_success`. */
export class Reporter {
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #collectorId: string;
  readonly #errors: Fold<{ fault: Fault; scope: ErrorScope }>;
  readonly #counts = new Map<string, number>();
  readonly #listeners: ((event: StreamEvent) => void)[] = [];

  constructor(publisher: Publisher, clock: Clock, log: Log, collectorId: string) {
    this.#publisher = publisher;
    this.#clock = clock;
    this.#log = log;
    this.#collectorId = collectorId;
    this.#errors = new Fold(clock, FOLD_MS, ({ fault, scope }, repeated) =>
      this.#publishError(fault, scope, repeated),
    );
  }

  /** Also told of every event, for the page and the metrics. */
  listen(listener: (event: StreamEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when the broker acknowledged it. */
  event(event: StreamEvent): Promise<void> {
    for (const listener of this.#listeners) listener(event);
    const { target } = event;
    return this.#publisher.publish({
      family: 'ws.event',
      region: null,
      key: target ? messageKey(target) : null,
      correlationId: event.correlationId ?? null,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: isoMicros(this.#clock.micros()),
        kind: event.kind,
        collector_id: this.#collectorId,
        correlation_id: event.correlationId ?? null,
        target,
        reply_id: event.replyId ?? null,
        outcome: event.outcome ?? null,
        reason: event.reason ?? null,
        resolved: event.resolved ?? null,
        state: event.state ?? null,
        gap: event.gap ? { gap_id: crypto.randomUUID(), ...event.gap, fill: event.gap.fill ?? null } : null,
        detail: event.detail ?? null,
      },
    });
  }

  /** Publishes an event that nobody waits for; the publisher keeps it until the broker has it. */
  tell(event: StreamEvent): void {
    this.event(event).catch((error: unknown) => this.#lost('ws.event', error));
  }

  /** By the error table: log, `ws.error`, `ws.dlq`; identical ones within a minute are folded with a count. */
  error(fault: Fault, scope: ErrorScope): void {
    const { target, code = '' } = scope;
    this.#counts.set(fault.code, (this.#counts.get(fault.code) ?? 0) + 1);
    this.#errors.add(
      `${fault.code}|${target ? messageKey(target) : ''}|${code}|${fault.subject}|${fault.message}`,
      {
        fault,
        scope,
      },
    );
  }

  /** Rows that were received and are given up: an error, and a gap over them. */
  lost({ target, codes, from, to, rows, fault }: LostRows): void {
    this.error(fault, { target, context: { rows, codes } });
    this.tell({
      kind: 'gap',
      target,
      reason: fault.message,
      gap: { from, to, cause: 'undelivered', codes, first_missing_id: null, last_missing_id: null },
      detail: { rows },
    });
  }

  /** Errors by code since the start, each counted, folded or not. */
  get errors(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Resolves when the broker acknowledged it. */
  deadLetter(letter: DeadLetter): Promise<void> {
    const { target } = letter;
    const key = letter.key ?? keyOfAny(target);
    return this.#publisher.publish({
      family: 'ws.dlq',
      region: null,
      key,
      correlationId: letter.correlationId,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: isoMicros(this.#clock.micros()),
        action: 'dlq',
        reason: letter.reason,
        target,
        meta: this.#meta(letter.correlationId, key, letter.rawContext),
        detail_error: letter.detail,
      },
    });
  }

  /** A dead letter that nobody waits for. */
  bury(letter: DeadLetter): void {
    this.deadLetter(letter).catch((error: unknown) => this.#lost('ws.dlq', error));
  }

  /** The exchange confirmed a code on a socket. */
  connectSuccess(target: Target, market: Market, correlationId: string | null): void {
    const message: Message = {
      family: 'ws.connect_success',
      region: target.region,
      key: `${messageKey(target)}|${market.code}`,
      correlationId,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: isoMicros(this.#clock.micros()),
        action: 'connect_success',
        ack: 'clear',
        target,
        symbol: market.symbol,
        code: market.code,
        meta: {
          ticket_id: crypto.randomUUID(),
          schema_version: '1.0',
          correlation_id: correlationId,
          observed_key: observedKey(target),
        },
      },
    };
    this.#publisher.publish(message).catch((error: unknown) => this.#lost('ws.connect_success', error));
  }

  /** Tells the counts of errors that are still being folded. */
  flush(): void {
    this.#errors.flush();
  }

  #publishError(fault: Fault, scope: ErrorScope, repeated: number): void {
    const rule = ERRORS[fault.code];
    const { target, context = {}, correlationId = null } = scope;
    const level = rule.log === 'fatal' ? 'error' : rule.log;
    this.#log[level](
      {
        phase: 'connection_error',
        ...target,
        correlation_id: correlationId,
        connection_id: scope.connectionId,
        code: scope.code,
        error_domain: rule.domain,
        error_code: fault.code,
        severity: rule.severity,
        retryable: rule.retryable,
        repeated,
        subject: fault.subject,
        remedy: fault.remedy,
        ...context,
      },
      fault.message,
    );
    if (rule.toError) this.#publish(this.#errorMessage(fault, scope, repeated));
    if (!rule.toDlq || scope.buried) return;
    this.bury({
      reason: `${rule.domain} failure: ${fault.code}`,
      target: target === null ? null : { ...target },
      key: null,
      correlationId,
      rawContext: { ...context, repeated },
      detail: detailOf(fault),
    });
  }

  #errorMessage(fault: Fault, scope: ErrorScope, repeated: number): Message {
    const { target, context = {}, correlationId = null } = scope;
    const rule = ERRORS[fault.code];
    return {
      family: 'ws.error',
      region: null,
      key: null,
      correlationId,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: isoMicros(this.#clock.micros()),
        action: 'error',
        target,
        meta: this.#meta(correlationId, target ? observedKey(target) : null, {
          ...context,
          connection_id: scope.connectionId ?? null,
          code: scope.code ?? null,
          repeated,
        }),
        error: {
          ticket_id: crypto.randomUUID(),
          error_message: { message: fault.message, detail_error: String(fault.stack ?? '') },
          error_domain: rule.domain,
          error_code: fault.code,
          severity: rule.severity,
          retryable: rule.retryable,
          subject: fault.subject,
          remedy: fault.remedy,
        },
      },
    };
  }

  #publish(message: Message): void {
    this.#publisher.publish(message).catch((error: unknown) => this.#lost(message.family, error));
  }

  #meta(correlationId: string | null, key: string | null, context: Readonly<Record<string, unknown>>) {
    return {
      ticket_id: crypto.randomUUID(),
      schema_version: '1.0',
      correlation_id: correlationId,
      observed_key: key,
      raw_context: context,
    };
  }

  /** The publisher gives up at the stop deadline; the log is then the last place that can say it. */
  #lost(family: string, error: unknown): void {
    // What gives way while Kafka takes nothing is counted there and told when it takes something again.
    if (error instanceof Fault && error.code === 'message_dropped') return;
    if (family === 'ws.dlq') {
      const remedy = 'Look after the topic and the permissions on it.';
      this.error(new Fault('dlq_publish_failed', family, messageOf(error), remedy), { target: null });
    }
    this.#log.error(
      { phase: 'stop', topic: family, err: error },
      'A message was not delivered before the stop',
    );
  }
}

function messageKey({ exchange, region, request_type }: TargetName): string {
  return `${exchange}|${region}|${request_type}`;
}

function observedKey({ exchange, region, request_type }: Target): string {
  return `${exchange}/${region}/${request_type}`;
}

/** The key of a dead letter whose target may be anything a command said. */
function keyOfAny(target: Readonly<Record<string, unknown>> | null): string {
  const part = (name: string): string => {
    const value = target?.[name];
    return typeof value === 'string' && value !== '' ? value : 'unknown';
  };
  return `${part('exchange')}|${part('region')}|${part('request_type')}`;
}

function detailOf(fault: Fault): Record<string, string> {
  return {
    exception_type: fault.name,
    exception_message: fault.message,
    traceback: String(fault.stack ?? ''),
    kind: fault.code,
  };
}
