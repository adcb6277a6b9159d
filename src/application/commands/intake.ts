import type { Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { guardOf } from '../../core/address.ts';
import { type Command, REASONS, type Reason } from '../../core/commands/command.ts';
import { parseCommand } from '../../core/commands/parse.ts';
import { type Answer, answer } from '../../core/desired/answer.ts';
import { apply } from '../../core/desired/apply.ts';
import { type DesiredStream, emptyStream, type StreamKey } from '../../core/desired/stream.ts';
import type { RequestType } from '../../core/market/market.ts';
import { Markets } from '../../core/market/markets.ts';
import type { MarketLists } from '../markets/market-lists.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { CommandReply, RecordPlace, StateStore } from '../state-store.ts';
import type { HostBreakers } from '../streams/host-breakers.ts';
import { DesiredMemory } from './desired-memory.ts';
import {
  type AskPinner,
  DesiredWriter,
  desiredSummary,
  type ExchangeOffer,
  streamRules,
} from './desired-writer.ts';
import {
  type CommandRecord,
  commandReply,
  malformedReply,
  refusalCode,
  refusedLetter,
  replyEvent,
  replyIdOf,
} from './intake-messages.ts';

export interface IntakeDeps {
  readonly store: StateStore;
  /** Desired state as it was last seen; left out: nothing was seen yet. */
  readonly memory?: DesiredMemory;
  /** How the collectors stand to each other's pins; left out: this one alone pins. */
  readonly pinner?: AskPinner;
  /** Consumer group; part of the reply ids. */
  readonly group: string;
  /** Every exchange of this build by id, those that the settings switch off included. */
  readonly offers: ReadonlyMap<string, ExchangeOffer>;
  readonly lists: Pick<MarketLists, 'of' | 'ensure'>;
  /** How long a command waits for a market list that is not there yet, in ms. */
  readonly marketTimeoutMs: number;
  readonly breakers: HostBreakers;
  readonly reporter: Pick<Reporter, 'event' | 'deadLetter' | 'error'>;
  readonly clock: Clock;
  readonly log: Log;
  /** What runs of a stream here, for `status`; null where nothing does. */
  streamStatus(key: StreamKey): Readonly<Record<string, unknown>> | null;
  /** Told after the reply is on its way, so that it comes before what the stream then says. */
  onDesiredChanged(stream: DesiredStream): void;
}

export interface IntakeCounts {
  readonly accepted: number;
  readonly noop: number;
  readonly refused: number;
  /** Records of another type, which get no reply. */
  readonly foreign: number;
  /** Records that had come before and got the same reply again. */
  readonly repeated: number;
}

/** Between two tries at a store that says it is there and yet fails. */
const RETRY_MS = 500;
/** After a market list was waited for in vain, commands do not wait for it for so long. */
const LIST_PATIENCE_MS = 15_000;

interface Decision {
  readonly reply: CommandReply;
  readonly changed: DesiredStream | null;
}

/**
 * Commands in. `handle` resolves when the outcome of a record is durable: desired state in the store, reply and dead
 * letter acknowledged by the broker. Only then may its offset be committed. While the store is away it waits, and
 * Kafka is the queue.
 */
export class CommandIntake {
  readonly #deps: IntakeDeps;
  readonly #writer: DesiredWriter;
  readonly #counts = { accepted: 0, noop: 0, refused: 0, foreign: 0, repeated: 0 };
  readonly #impatientUntil = new Map<string, number>();
  /** The last decision of every partition. */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #stopped = Promise.withResolvers<void>();
  #stopping = false;
  #waiting = 0;
  /** What the store was last waited for, told once until it takes something again. */
  #told: string | null = null;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    const memory = deps.memory ?? new DesiredMemory(deps.store.desired, deps.clock);
    this.#writer = new DesiredWriter(deps.store.desired, memory, () => this.#nowMs(), deps.pinner ?? null);
  }

  get counts(): IntakeCounts {
    return this.#counts;
  }

  /** True while commands wait for the store. */
  get waiting(): boolean {
    return this.#waiting > 0;
  }

  /** Records that still wait fail, so that their offsets are not committed and they come again after the next start. */
  stop(): void {
    this.#stopping = true;
    this.#stopped.resolve();
  }

  /**
   * Handles one record. Records of a partition are decided in the order of the calls, and their replies published in
   * it; several may wait for the broker's acknowledgements at once.
   * @throws Fault undelivered where the program stops before the outcome is durable
   */
  async handle(record: CommandRecord): Promise<void> {
    const lane = `${record.topic}|${record.partition}`;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const begun = before.then(() => this.#begin(record));
    this.#lanes.set(lane, begun.then(nothing, nothing));
    const { durable } = await begun;
    await durable;
  }

  /** Decides, and hands reply and dead letter to the publisher, which keeps their order. */
  async #begin(record: CommandRecord): Promise<{ readonly durable: Promise<void> }> {
    const parsed = parseCommand(record.value, record.timestampMs);
    if (parsed.kind === 'foreign') {
      this.#counts.foreign++;
      return { durable: Promise.resolve() };
    }
    const replyId = replyIdOf(this.#deps.group, record);
    if (parsed.kind === 'malformed') {
      return this.#tell(record, { reply: malformedReply(replyId, parsed), changed: null }, parsed.target);
    }
    const { command } = parsed;
    return this.#tell(record, await this.#decide(record, replyId, command), { ...command.target });
  }

  /** Tries until the store took the outcome; a fault of the program is an outcome too and stops nothing. */
  async #decide(record: CommandRecord, replyId: string, command: Command): Promise<Decision> {
    const { topic, partition, offset } = record;
    const place: RecordPlace = { group: this.#deps.group, topic, partition, offset };
    for (;;) {
      if (this.#stopping) throw stopped(record);
      try {
        const decision = await this.#once(place, replyId, command);
        this.#told = null;
        if (decision) return decision;
      } catch (error) {
        if (error instanceof Fault && error.code === 'redis_unavailable') {
          await this.#storeIsBack(error);
        } else {
          this.#deps.log.error(
            { phase: 'command', err: error, place },
            `command failed: ${messageOf(error)}`,
          );
          const failed: Answer = {
            ...answer('refused', 'internal_error'),
            detail: { error: messageOf(error) },
          };
          return { reply: commandReply(replyId, command, failed), changed: null };
        }
      }
    }
  }

  /** @returns null where another collector answered the record meanwhile: its answer is there to be read */
  async #once(place: RecordPlace, replyId: string, command: Command): Promise<Decision | null> {
    const { store, offers } = this.#deps;
    const known = await store.outcomes.read(place);
    if (known?.replyId === replyId) {
      this.#counts.repeated++;
      return { reply: known, changed: null };
    }
    const replyOf = (given: Answer) => commandReply(replyId, command, given);
    const offer = offers.get(command.target.exchange);
    const type = offer?.exchange.types.find((offered) => offered === command.target.request_type);
    if (!offer || !type) return { reply: replyOf(this.#impossible(command, offer)), changed: null };

    const key: StreamKey = { exchange: offer.exchange.id, request_type: type };
    const markets = await this.#markets(command, offer);
    const applied = await this.#writer.apply(key, command, offer, markets, (given) => ({
      place,
      reply: replyOf(given),
    }));
    if (applied.became === 'answered') return null;
    if (applied.became === 'written') return { reply: replyOf(applied.reply), changed: applied.desired };
    const given =
      applied.reply.outcome === 'accepted'
        ? await this.#beside(command, offer, key, applied.desired)
        : applied.reply;
    const reply = replyOf(given);
    return { reply: await store.outcomes.write({ place, reply }), changed: null };
  }

  /** The reducer's words for a target that no stream can have. */
  #impossible(command: Command, offer: ExchangeOffer | undefined): Answer {
    const markets = new Markets(() => null);
    const nowMs = this.#nowMs();
    const nowhere = emptyStream({ exchange: command.target.exchange, request_type: 'ticker' });
    const rules = offer ? streamRules(offer, 'ticker', null) : null;
    return apply(nowhere, command, { rules, markets, nowMs }).reply;
  }

  /** Commands that ask for something else than a change of desired state. */
  async #beside(
    command: Command,
    offer: ExchangeOffer,
    key: StreamKey,
    desired: DesiredStream,
  ): Promise<Answer> {
    if (command.action === 'status') {
      return answer('accepted', null, [], {
        desired: desiredSummary(desired),
        actual: this.#deps.streamStatus(key),
      });
    }
    const host = hostOfStream(offer, key.request_type, desired.origin);
    const state = command.action === 'breaker_open' ? 'open' : 'closed';
    const { breaker, changed } = await this.#deps.breakers.force(host, state);
    const detail = { breaker: { host, state: breaker.state, forced: breaker.forced } };
    return changed ? answer('accepted', null, [], detail) : answer('noop', 'already_so', [], detail);
  }

  /** The market list, waited for a while where it is not there and the command names symbols. */
  async #markets({ action }: Command, { exchange, enabled }: ExchangeOffer): Promise<Markets> {
    if (!enabled) return new Markets(exchange.markets.split);
    const { lists, clock, marketTimeoutMs } = this.#deps;
    const markets = lists.of(exchange.id);
    const names = action === 'connect_and_subscribe' || action === 'unsubscribe';
    if (!names || markets.known || clock.now() < (this.#impatientUntil.get(exchange.id) ?? 0)) return markets;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(marketTimeoutMs, () => resolve(false));
    const there = await Promise.race([lists.ensure(exchange.id), late]);
    cancel();
    if (!there) this.#impatientUntil.set(exchange.id, clock.now() + LIST_PATIENCE_MS);
    return markets;
  }

  async #storeIsBack(fault: Fault): Promise<void> {
    const { store, clock, log } = this.#deps;
    const words = store.reason ?? fault.message;
    if (this.#told !== words)
      log.warn({ phase: 'command', error_code: fault.code }, `commands wait: ${words}`);
    this.#told = words;
    this.#waiting++;
    try {
      const { promise: pause, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(RETRY_MS, resolve);
      await Promise.race([Promise.all([store.whenAvailable(), pause]), this.#stopped.promise]);
      cancel();
    } finally {
      this.#waiting--;
    }
  }

  #tell(
    record: CommandRecord,
    { reply, changed }: Decision,
    target: Readonly<Record<string, unknown>> | null,
  ): { readonly durable: Promise<void> } {
    const { reporter, onDesiredChanged } = this.#deps;
    this.#counts[reply.outcome]++;
    const published = [reporter.event(replyEvent(reply))];
    if (reply.outcome === 'refused') {
      published.push(reporter.deadLetter(refusedLetter(record, reply, target)));
      const what = REASONS[reply.reason as Reason] ?? String(reply.reason);
      const remedy = 'The reply on ws.event and the letter on ws.dlq name every offending field.';
      const fault = new Fault(refusalCode(reply), 'ws.command', what, remedy);
      reporter.error(fault, { target: null, correlationId: reply.correlationId, buried: true });
    }
    if (changed) onDesiredChanged(changed);
    const durable = Promise.all(published.map((done) => this.#delivered(done))).then(nothing);
    // Whoever called handle hears of a failure; until then it has no listener.
    durable.catch(nothing);
    return { durable };
  }

  /** A message that the broker will never take must not hold up the commands behind it. */
  async #delivered(done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      // Not yet durable: the record comes again, and its reply with it.
      if (error instanceof Fault && (error.code === 'undelivered' || error.code === 'message_dropped'))
        throw error;
      this.#deps.log.error(
        { phase: 'command', err: error },
        `a reply was not published: ${messageOf(error)}`,
      );
    }
  }

  #nowMs(): number {
    return Math.floor(this.#deps.clock.micros() / 1000);
  }
}

function nothing(): void {}

/** The host whose breaker guards a stream's sockets, with its port, as its connections name it. */
function hostOfStream({ exchange, url }: ExchangeOffer, type: RequestType, origin: string | null): string {
  return guardOf(exchange.endpoint(type), origin ?? url);
}

function stopped({ topic, partition, offset }: CommandRecord): Fault {
  const subject = `${topic}[${partition}]@${offset}`;
  return new Fault(
    'undelivered',
    subject,
    'The program stops before the command was carried out.',
    'It comes again.',
  );
}
