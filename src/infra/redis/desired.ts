import type {
  CommandReply,
  DesiredStore,
  OutcomeStore,
  RecordPlace,
  StoredOutcome,
  Written,
} from '../../application/state-store.ts';
import { type DesiredStream, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { RedisConnection, RunCommand } from './connection.ts';

/** Answers that are kept per partition; far more than a consumer has uncommitted. */
export const OUTCOMES_KEPT = 4096;
const OUTCOMES_TTL_S = 7 * 86_400;

const FIELDS = [
  'version',
  'selector',
  'exceptions',
  'codes',
  'pinned',
  'shards',
  'origin',
  'correlation_id',
] as const;

/** The answer to the same record, which its reply id tells from another at the same place. */
const ANSWERED = `
local function answered(key, offset, id)
  local kept = redis.call('HGET', key, offset)
  return kept and string.find(kept, id, 1, true) and kept
end
local function remember(key, offset, reply)
  redis.call('HSET', key, offset, reply)
  redis.call('HDEL', key, tonumber(offset) - ${OUTCOMES_KEPT})
  redis.call('EXPIRE', key, ${OUTCOMES_TTL_S})
end`;

const FIELD_ARGS = FIELDS.map((field, at) => `, '${field}', ARGV[${at + 2}]`).join('');

/** KEYS: desired, outcomes; ARGV: expected version, fields, channel, stream, and with an outcome: offset, id, reply. */
const WRITE = `${ANSWERED}
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 'outdated' end
local at = ${FIELDS.length + 2}
local offset = ARGV[at + 2]
if offset then
  if answered(KEYS[2], offset, ARGV[at + 3]) then return 'answered' end
  remember(KEYS[2], offset, ARGV[at + 4])
end
redis.call('HSET', KEYS[1]${FIELD_ARGS})
redis.call('PUBLISH', ARGV[at], ARGV[at + 1])
return 'written'`;

/** KEYS: outcomes; ARGV: offset, id, reply. */
const REMEMBER = `${ANSWERED}
local kept = answered(KEYS[1], ARGV[1], ARGV[2])
if kept then return kept end
remember(KEYS[1], ARGV[1], ARGV[3])
return ARGV[3]`;

/** `desired:{exchange}|{type}`, a hash; lists are JSON. */
export function redisDesired(connection: RedisConnection, prefix: string, channel: string): DesiredStore {
  const { run } = connection;
  const keyOf = (key: StreamKey) => `${prefix}desired:${streamKey(key)}`;

  async function read(key: StreamKey): Promise<DesiredStream | null> {
    const fields = await run('HMGET', keyOf(key), ...FIELDS);
    return streamOf(key, fields as (string | null)[]);
  }

  return {
    read,
    async readAll(keys) {
      const streams = await Promise.all(keys.map(read));
      return streams.filter((stream) => stream !== null);
    },
    async write(expected, after, outcome) {
      const written = await run(
        'EVAL',
        WRITE,
        2,
        keyOf(after),
        outcome ? outcomesKey(prefix, outcome.place) : keyOf(after),
        expected,
        ...fieldsOf(after),
        channel,
        streamKey(after),
        ...(outcome ? outcomeArgs(outcome) : []),
      );
      return written as Written;
    },
    onNudge: (listener) => connection.onMessage(listener),
  };
}

/** `outcomes:{group}|{topic}|{partition}`, a hash of offset → reply. */
export function redisOutcomes(run: RunCommand, prefix: string): OutcomeStore {
  return {
    async read(place) {
      const reply = await run('HGET', outcomesKey(prefix, place), place.offset);
      return typeof reply === 'string' ? (JSON.parse(reply) as CommandReply) : null;
    },
    async write(outcome) {
      const stands = await run(
        'EVAL',
        REMEMBER,
        1,
        outcomesKey(prefix, outcome.place),
        ...outcomeArgs(outcome),
      );
      return JSON.parse(String(stands)) as CommandReply;
    },
  };
}

function outcomeArgs({ place, reply }: StoredOutcome): [number, string, string] {
  return [place.offset, reply.replyId, JSON.stringify(reply)];
}

function outcomesKey(prefix: string, { group, topic, partition }: RecordPlace): string {
  return `${prefix}outcomes:${group}|${topic}|${partition}`;
}

function fieldsOf(stream: DesiredStream): string[] {
  return FIELDS.map((field) => {
    const value = stream[field];
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
  });
}

function streamOf(key: StreamKey, fields: readonly (string | null)[]): DesiredStream | null {
  const [version, selector, exceptions, codes, pinned, shards, origin, correlation] = fields;
  if (version === null || version === undefined) return null;
  return {
    exchange: key.exchange,
    request_type: key.request_type,
    version: Number(version),
    selector: selector === '*' ? '*' : null,
    exceptions: listOf<string>(exceptions),
    codes: listOf<string>(codes),
    pinned: listOf<string>(pinned),
    shards: listOf<string[]>(shards),
    origin: origin || null,
    correlation_id: correlation || null,
  };
}

function listOf<T>(json: string | null | undefined): readonly T[] {
  return json ? (JSON.parse(json) as T[]) : [];
}
