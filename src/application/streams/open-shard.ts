import { guardOf, rewriteAddress } from '../../core/address.ts';
import { Connection } from '../../core/connection/connection.ts';
import type { FrameSink, SocketHandle } from '../../core/connection/pipe.ts';
import { type MakeConnection, ShardConnections } from '../../core/connection/shard-connections.ts';
import type { Gap, Target } from '../../core/events.ts';
import type { Market } from '../../core/market/market.ts';
import type { StreamStats } from '../../core/pipeline/stream-stats.ts';
import { socketCodes } from '../../core/socket-codes.ts';
import type { RefusalNotices } from '../reporting/refusal-notices.ts';
import { connectionEvents } from './stream-events.ts';
import type { ExchangeDeps, StreamDeps } from './stream-parts.ts';

export interface ShardOpening {
  readonly shard: number;
  readonly target: Target;
  readonly of: ExchangeDeps;
  readonly deps: StreamDeps;
  /** Scheme, host and port in place of the plug-in's own; null keeps them. */
  readonly origin: string | null;
  readonly stats: StreamStats;
  readonly notices: RefusalNotices;
  attach(handle: SocketHandle): FrameSink;
  correlationId(): string | null;
  nameGap(gap: Gap): readonly Gap[];
  onGap(gap: Gap): void;
  onLost(market: Market): void;
}

/** The connections of a shard, wired to the stream they belong to. They begin to connect when they are given codes. */
export function openShard(opening: ShardOpening): ShardConnections {
  const { shard, target, of, deps, origin, stats, notices, attach, correlationId } = opening;
  const { exchange, markets, gate, socket } = of;
  const { clock, skewAtStart, connection: settings, openSocket, reporter } = deps;
  const own = exchange.endpoint(target.request_type, of.book ?? undefined);
  const url = rewriteAddress(own, origin);
  const make: MakeConnection = (part, onFull) =>
    new Connection(
      {
        exchange,
        type: target.request_type,
        markets,
        url,
        guard: guardOf(own, origin),
        book: of.book,
        fetchBook: of.fetchBook,
        socket,
        settings,
        clock,
        skewAtStart,
        openSocket,
        gate,
        pipe: attach,
        nextSocketId: () => {
          stats.sockets++;
          return deps.nextSocketId();
        },
      },
      connectionEvents({
        reporter,
        notices,
        target,
        shard,
        part,
        url,
        correlationId,
        onUnanswered: () => {
          stats.unanswered++;
        },
        nameGap: opening.nameGap,
        onGap: opening.onGap,
        onLost: opening.onLost,
        onFull,
      }),
    );
  return new ShardConnections(socketCodes(exchange, target.request_type), () => clock.micros(), make);
}
