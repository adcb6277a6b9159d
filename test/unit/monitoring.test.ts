import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { GapCounts } from '../../src/application/metrics/gap-counts.ts';
import { ERRORS } from '../../src/common/errors.ts';
import { SignedHistogram } from '../../src/common/signed-histogram.ts';
import { GAP_CAUSES } from '../../src/core/events.ts';
import { METRICS } from '../../src/infra/http/metric-table.ts';
import { prometheus } from '../../src/infra/http/prometheus.ts';
import { DOCS } from '../reference.ts';
import { NOON, UPBIT_TRADES } from './metrics-rig.ts';
import { observed } from './observed.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly runbook: string };
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const rules = (
  parse(readFileSync(join(DOCS, 'monitoring', 'alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(DOCS, 'monitoring', 'dashboard.json'), 'utf8')) as {
  panels: Panel[];
  templating: { list: { definition?: string }[] };
};
const panelExpressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Names of our metrics in an expression, those of a histogram's series as the histogram's. */
function metricsIn(expression: string): string[] {
  return Array.from(expression.matchAll(/\bkcs_\w+/g), ([name]) => name.replace(/_(bucket|sum|count)$/, ''));
}

/** Labels that an expression selects or groups by. */
function labelsIn(expression: string): string[] {
  const selected = Array.from(expression.matchAll(/(\w+)\s*(?:=~|!=|=)\s*"/g), ([, label]) => label ?? '');
  const grouped = Array.from(expression.matchAll(/\bby \(([^)]*)\)/g), ([, list]) => list ?? '');
  return [...selected, ...grouped.flatMap((list) => list.split(',').map((label) => label.trim()))];
}

/** Runs promtool; null where it is fine. */
function promtool(args: string[], input?: string): string | null {
  const tool = Bun.which('promtool');
  if (!tool) throw new Error('promtool is missing: bun test/services/install.ts --all');
  const { exitCode, stdout, stderr } = Bun.spawnSync([tool, ...args], {
    ...(input === undefined ? {} : { stdin: Buffer.from(input) }),
  });
  return exitCode === 0 ? null : `${stdout}${stderr}`;
}

describe('Prometheus', () => {
  test('finds nothing wrong with the metrics', async () => {
    const text = prometheus(observed());
    expect(promtool(['check', 'metrics'], text)).toBeNull();
    expect(text.length).toBeGreaterThan(1000);
  });

  test('is told every metric of the table, with its labels, and no other', () => {
    const text = prometheus(observed());
    const types = Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => [name, type]);
    expect(types).toEqual(Object.entries(METRICS).map(([name, { type }]) => [name, type]));
    for (const [name, { labels }] of Object.entries(METRICS)) {
      const [line = ''] = text.match(new RegExp(`^${name}(_count)?(\\{.*\\})? .*$`, 'm')) ?? [];
      const own = Array.from(line.matchAll(/(\w+)="/g), ([, label]) => label);
      expect([name, ...own]).toEqual([name, ...labels]);
    }
  });

  test('is told what every metric is by words that stand alone', () => {
    for (const [name, { help }] of Object.entries(METRICS)) {
      expect([name, help.length > 15, /\.$/.test(help)]).toEqual([name, true, true]);
      expect([name, /^(Their|Its|The same)\b/.test(help)]).toEqual([name, false]);
    }
  });

  test('sees every counter from 0 on, before the first error, gap or command', () => {
    const figures = new StreamFigures();
    figures.begin(UPBIT_TRADES, NOON);
    const fresh = { figures, gaps: new GapCounts(), errors: () => new Map<string, number>() };
    const text = prometheus(observed(fresh));
    for (const cause of GAP_CAUSES)
      expect(text).toContain(`kcs_gaps_total{exchange="upbit",request_type="trade",cause="${cause}"} 0\n`);
    for (const code of Object.keys(ERRORS)) expect(text).toContain(`kcs_errors_total{code="${code}"} 0\n`);
    expect(text).toContain('kcs_commands_total{outcome="foreign"} 0\n');
  });

  test('is given sums that never fall, though clocks differ', () => {
    const network = new SignedHistogram();
    network.record(1_000_000);
    network.record(-5_000_000);
    expect(network.clipped).toMatchObject({ count: 2, sum: 1_000_000 });
    expect(network.clipped.countUpTo(0)).toBe(1);
  });

  test('labels no series by code unless asked to', () => {
    expect(prometheus({ ...observed(), codeLabels: false })).not.toContain('KRW-BTC');
  });

  test('finds nothing wrong with the alert rules', () => {
    expect(promtool(['check', 'rules', join(DOCS, 'monitoring', 'alerts.yaml')])).toBeNull();
  });

  test("can parse the dashboard's expressions", async () => {
    const filled = panelExpressions.map((expr) =>
      expr.replaceAll('$instance', '.*').replaceAll('$exchange', '.*'),
    );
    const group = { name: 'dashboard', rules: filled.map((expr, n) => ({ record: `panel:${n}`, expr })) };
    const file = join(process.env.TMPDIR ?? '/tmp', `kcs-dashboard-${process.pid}.yaml`);
    await Bun.write(file, JSON.stringify({ groups: [group] }));
    expect(promtool(['check', 'rules', file])).toBeNull();
    await Bun.file(file).delete();
    expect(filled.length).toBeGreaterThan(30);
  });
});

describe('what alerts and dashboard ask for', () => {
  const variables = dashboard.templating.list.flatMap(({ definition = '' }) => definition);
  const all = [...rules.map(({ expr }) => expr), ...panelExpressions];

  test('is what the program tells', () => {
    const unknown = [...all, ...variables].flatMap(metricsIn).filter((name) => !(name in METRICS));
    expect(unknown).toEqual([]);
  });

  test('by labels that the metrics have', () => {
    for (const expr of all) {
      const known = new Set(['instance', 'job', 'le']);
      for (const name of metricsIn(expr))
        for (const label of METRICS[name as keyof typeof METRICS].labels) known.add(label);
      expect([expr, labelsIn(expr).filter((label) => !known.has(label))]).toEqual([expr, []]);
    }
  });

  test('has a paragraph in the operations page for every alert', () => {
    const page = readFileSync(join(DOCS, 'operations.md'), 'utf8');
    const titles = Array.from(page.matchAll(/^### (\S+)$/gm), ([, title]) => title);
    expect(titles).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules)
      expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
  });
});
