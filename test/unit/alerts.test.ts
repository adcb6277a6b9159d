import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { DOCS } from '../reference.ts';

/** What the series were each minute, in promtool's notation, and which alerts fire when. */
interface Scene {
  readonly series: Readonly<Record<string, string>>;
  /** Minute → names of the alerts that fire then; all others must not. */
  readonly fires: Readonly<Record<number, readonly string[]>>;
}

const AT = 'instance="a",job="kor-coin-stream"';
const TRADES = `${AT},exchange="upbit",request_type="trade"`;
const codes = (status: string) => `kcs_stream_codes{${TRADES},status="${status}"}`;
const state = (name: string) => `kcs_stream_state{${TRADES},state="${name}"}`;

/** A counter that rises by `by` every so many minutes, for so long, and then stands as long. */
function every(minutes: number, by: number, long: number): string {
  const values = Array.from({ length: long * 2 }, (_, n) => by * Math.floor(Math.min(n, long) / minutes));
  return values.join(' ');
}

const SCENES: Readonly<Record<string, Scene>> = {
  'an illiquid code that turns stale and comes back, all the time: nothing': {
    series: {
      [codes('subscribed')]: '20x60',
      [codes('stale')]: '_ 0 1 0 1 1 0 1 0 1 0 0 1 0 1 1 0 1 0 1 0 1 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1',
      [`kcs_gaps_total{${TRADES},cause="stale"}`]: '0+3x60',
      [state('live')]: '1x60',
    },
    fires: { 15: [], 30: [], 40: [] },
  },
  'a tenth of the codes silent for ten minutes: told, and over when they are back': {
    series: {
      [codes('subscribed')]: '20x60',
      [codes('stale')]: '0x4 3x20 0x30',
      [state('live')]: '1x60',
    },
    fires: { 10: [], 20: ['KcsCodesStale'], 30: [] },
  },
  'a stream that reconnects: nothing; one that stays away: told': {
    series: { [state('live')]: '1 1 0 0 0 1 1 1 1 1 0x30', [state('backoff')]: '0 0 1 1 1 0 0 0 0 0 1x30' },
    fires: { 4: [], 9: [], 14: [], 18: ['KcsStreamNotLive'] },
  },
  'a stream that is away for three of every ten minutes: told': {
    series: { [state('live')]: `${'1 1 1 1 1 1 1 0 0 0 '.repeat(10)}1x60` },
    fires: { 9: [], 45: ['KcsStreamFlaps'], 90: ['KcsStreamFlaps'], 159: [] },
  },
  'a store and with it the collector that is away for a minute in six: told; once: nothing': {
    series: {
      [`kcs_dependency_up{${AT},dependency="redis"}`]: `1x10 ${'0 1 1 1 1 1 '.repeat(10)}`,
      [`kcs_ready{${AT}}`]: `1x10 ${'0 1 1 1 1 1 '.repeat(10)}`,
    },
    fires: { 14: [], 50: ['KcsDependencyFlaps', 'KcsReadinessFlaps'] },
  },
  'codes that are never answered for: told': {
    series: {
      [codes('subscribed')]: '20x40',
      [codes('unconfirmed')]: '0x3 2x37',
      [codes('refused')]: '0x40',
    },
    fires: { 8: [], 20: ['KcsCodesRefused'] },
  },
  'connections cut every minute: told': {
    series: {
      [`kcs_gaps_total{${TRADES},cause="cut"}`]: '0 0 0+1x40 40x30',
      [`kcs_sockets_opened_total{${TRADES}}`]: '1 1 1+1x40 41x30',
    },
    fires: { 5: [], 20: ['KcsGaps'], 59: ['KcsGaps'] },
  },
  'connections cut every twelve minutes: told after an hour, and over after the next': {
    series: {
      [`kcs_gaps_total{${TRADES},cause="cut"}`]: every(12, 10, 120),
      [`kcs_sockets_opened_total{${TRADES}}`]: every(12, 10, 120),
    },
    fires: { 14: [], 30: [], 80: ['KcsGaps'], 119: ['KcsGaps'], 220: [] },
  },
  'one cut of a stream of 40 sockets, whose codes come back over half an hour: nothing': {
    series: {
      [`kcs_gaps_total{${TRADES},cause="cut"}`]: '0x5 40 60 70+2x30 130x60',
      [`kcs_sockets_opened_total{${TRADES}}`]: '40x5 70 80 80x90',
    },
    fires: { 6: [], 10: [], 15: [], 20: [], 40: [], 90: [] },
  },
  'sockets renewed in time, without a gap: nothing': {
    series: {
      [`kcs_gaps_total{${TRADES},cause="cut"}`]: '0x120',
      [`kcs_sockets_opened_total{${TRADES}}`]: '1+1x120',
    },
    fires: { 20: [], 110: [] },
  },
  'a stream that stops reading for two of every ten minutes: told': {
    series: { [`kcs_stream_paused{${TRADES}}`]: `0x20 ${'1 1 0 0 0 0 0 0 0 0 '.repeat(6)}0x80` },
    fires: { 20: [], 76: ['KcsStreamPaused'], 149: [] },
  },
  'a stream that stops reading for ten minutes, once: told, and over when it reads': {
    series: { [`kcs_stream_paused{${TRADES}}`]: '0x20 1x10 0x100' },
    fires: { 20: [], 25: ['KcsStreamPaused'], 35: [], 60: [] },
  },
  'acknowledgements that stall for one of every five minutes: told': {
    series: {
      [`kcs_oldest_unacknowledged_seconds{${AT},what="rows"}`]: `0x20 ${'9 0 0 0 0 '.repeat(12)}0x70`,
    },
    fires: { 20: [], 70: ['KcsRowsWaiting'], 149: [] },
  },
  'a breaker before Kafka that opens again and again: told': {
    series: {
      [`kcs_kafka_breaker_state{${AT},state="closed"}`]: `1x20 ${'0 1 1 1 1 '.repeat(12)}1x70`,
    },
    fires: { 25: [], 70: ['KcsKafkaBreakerOpen'], 149: [] },
  },
  'a breaker before a host that opens again and again: told': {
    series: {
      [`kcs_host_breaker_state{${AT},host="api.upbit.com",state="open"}`]: `0x20 ${'1 0 0 0 0 '.repeat(12)}0x70`,
    },
    fires: { 25: [], 70: ['KcsHostBreakerOpen'], 149: [] },
  },
  'a ban: told within two minutes': {
    series: { [state('blocked')]: '0 0 1x20', [state('live')]: '1 1 0x20' },
    fires: { 1: [], 4: ['KcsStreamBlocked'], 12: ['KcsStreamBlocked', 'KcsStreamNotLive'] },
  },
  'a broker that restarts within a minute: nothing; one that stays away: told': {
    series: {
      [`kcs_dependency_up{${AT},dependency="kafka"}`]: '1 0 1 1 1 0x20',
      [`kcs_ready{${AT}}`]: '1 0 1 1 1 0x20',
    },
    fires: { 2: [], 4: [], 9: ['KcsDependencyDown', 'KcsNotReady'] },
  },
  'an outbox that takes nothing for a moment: nothing; for long: told': {
    series: { [`kcs_outbox_up{${AT}}`]: '1 0 1 1 1 0x20' },
    fires: { 2: [], 4: [], 9: ['KcsOutboxDown'] },
  },
  'an outage that the outbox holds: told after five minutes; a disk that fills: at once': {
    series: {
      [`kcs_outbox_oldest_seconds{${AT}}`]: '0x5 0+60x10 0x20',
      [`kcs_outbox_disk_free_bytes{${AT}}`]: '5e9x30 5e8x10',
    },
    fires: { 9: [], 15: ['KcsOutboxFills'], 20: [], 38: ['KcsOutboxFills'] },
  },
  'messages in the outbox that cannot be read any more: told, and over a while later': {
    series: { [`kcs_outbox_lost_messages_total{${AT}}`]: '0x5 7x30' },
    fires: { 4: [], 8: ['KcsOutboxLost'], 30: [] },
  },
  'a gap that is filled within an hour: nothing; one that is not: told': {
    series: {
      [`kcs_backfill_oldest_seconds{${AT},exchange="okx"}`]: '0+60x40 0x5 0+60x60',
    },
    fires: { 40: [], 46: [], 100: ['KcsBackfillStuck'] },
  },
  'memory that the byte budget explains: nothing; more: told': {
    series: {
      [`kcs_budget_limit_bytes{${AT}}`]: '134217728x60',
      [`kcs_process_resident_memory_bytes{${AT}}`]: '400e6x20 900e6x40',
    },
    fires: { 20: [], 45: ['KcsMemory'] },
  },
  'shards handed over in order: nothing; taken by another: told, and over a while later': {
    series: {
      [`kcs_leases_handed_over_total{${AT}}`]: '0x5 4x40',
      [`kcs_leases_held{${AT}}`]: '22x5 11x5 0x30',
      [`kcs_leases_lost_total{${AT}}`]: '0x10 11x40',
    },
    fires: { 8: [], 14: ['KcsLeasesLost'], 30: [] },
  },
};

test('every alert stands once', async () => {
  const text = await Bun.file(join(DOCS, 'monitoring', 'alerts.yaml')).text();
  const names = Array.from(text.matchAll(/- alert: (\w+)/g), ([, name]) => name);
  expect(names).toEqual([...new Set(names)]);
  const pages = await Bun.file(join(DOCS, 'operations.md')).text();
  const titles = Array.from(pages.matchAll(/^### (.+)$/gm), ([, title]) => title);
  expect(titles).toEqual([...new Set(titles)]);
});

test.each(Object.entries(SCENES))('%s', async (name, { series, fires }) => {
  const rules = join(DOCS, 'monitoring', 'alerts.yaml');
  const known = Array.from((await Bun.file(rules).text()).matchAll(/- alert: (\w+)/g), ([, alert]) => alert);
  const file = join(process.env.TMPDIR ?? '/tmp', `kcs-alerts-${process.pid}.yaml`);
  await Bun.write(
    file,
    JSON.stringify({
      rule_files: [rules],
      evaluation_interval: '1m',
      tests: [
        {
          name,
          interval: '1m',
          input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
          promql_expr_test: Object.entries(fires).flatMap(([minute, alerts]) =>
            known.map((alert) => ({
              eval_time: `${minute}m`,
              expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
              exp_samples: [{ labels: '{}', value: alerts.includes(alert ?? '') ? 1 : 0 }],
            })),
          ),
        },
      ],
    }),
  );
  const { exitCode, stdout, stderr } = Bun.spawnSync(['promtool', 'test', 'rules', file]);
  await Bun.file(file).delete();
  expect(exitCode === 0 ? '' : `${stdout}${stderr}`).toBe('');
});
