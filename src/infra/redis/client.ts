import { Cluster, Redis } from 'ioredis';
import type { Clock } from '../../common/clock.ts';

/** Where Redis is and how to get in; the settings `redis.*`. */
export interface RedisAddress {
  /** `redis[s]://[user:password@]host:port/db`, several of a cluster separated by commas; null: the fields below. */
  readonly url: string | null;
  readonly host: string | null;
  readonly port: number;
  readonly db: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly ssl: boolean;
  /** PEM of a private certificate authority. */
  readonly ca: string | null;
  /** Sentinels, `host:port`; empty: none. */
  readonly sentinels: readonly string[];
  readonly sentinelName: string;
  readonly cluster: boolean;
  /** Bound of connecting and of every command, in ms. */
  readonly timeoutMs: number;
}

export type RedisClient = Redis | Cluster;

const MAX_RETRY_MS = 2000;
const RECONNECT_MS = 5000;
const SENTINEL_PORT = 26_379;

/**
 * A client that is not connected yet. It connects again by itself for ever; a command that meets no connection fails
 * at once and is never sent a second time, for whoever asked decides that.
 */
export function createClient(address: RedisAddress, clock: Clock): RedisClient {
  const { url, host, port, db, sentinels, sentinelName, timeoutMs } = address;
  const nodes = url?.split(',').map((part) => part.trim()) ?? [];
  const first = nodes[0];
  if (address.cluster) {
    const startup = first === undefined ? [{ host: host ?? '', port }] : nodes.map(nodeOf);
    return new Cluster(startup, {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryDelay,
      slotsRefreshTimeout: timeoutMs,
      redisOptions: {
        ...commonOptions(address, clock),
        ...(first === undefined ? {} : loginOf(first, address.ca)),
      },
    });
  }
  const options = {
    ...commonOptions(address, clock),
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: retryDelay,
  };
  if (sentinels.length > 0) {
    return new Redis({ ...options, sentinels: sentinels.map(sentinelOf), name: sentinelName, db });
  }
  return first === undefined
    ? new Redis({ ...options, host: host ?? '', port, db })
    : new Redis(first, options);
}

/** Host and port for messages, without user and password. */
export function addressText({ url, host, port, sentinels }: RedisAddress): string {
  if (sentinels.length > 0) return sentinels.join(',');
  if (url === null) return `${host}:${port}`;
  return url
    .split(',')
    .map((part) => {
      const { host: name, port: at } = nodeOf(part.trim());
      return `${name}:${at}`;
    })
    .join(',');
}

function commonOptions({ url, username, password, ssl, ca, timeoutMs }: RedisAddress, clock: Clock) {
  const secure = ssl || (url?.startsWith('rediss:') ?? false);
  return {
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    reconnectOnError: demoted(clock),
    ...(secure ? { tls: ca === null ? {} : { ca } } : {}),
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
  };
}

/** A master that became a replica: ask again who the master is, but leave time to read from one that stays it. */
function demoted(clock: Clock): (error: Error) => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = clock.now();
    if (!error.message.startsWith('READONLY') || nowMs - lastMs < RECONNECT_MS) return false;
    lastMs = nowMs;
    return true;
  };
}

function retryDelay(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), MAX_RETRY_MS);
}

function nodeOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) };
}

/** A cluster takes user and password apart from its addresses. */
function loginOf(url: string, ca: string | null) {
  const { protocol, username, password } = new URL(url);
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: ca === null ? {} : { ca } } : {}),
  };
}

function sentinelOf(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':');
  if (at < 0) return { host: text, port: SENTINEL_PORT };
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
}
