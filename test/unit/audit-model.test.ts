import { expect, test } from 'bun:test';
import type { AuditRow } from '../../src/core/audit/code-audit.ts';
import { audited, gap, message, START, type Told, trade } from './audit-parts.ts';
import { randomOf } from './random.ts';

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed + 1);
const STEPS = 80;

interface Gap {
  readonly from: number;
  readonly to: number;
  readonly ids: readonly [number, number] | null;
  readonly restart: boolean;
}

/** A random life of one code: what was written, and what was told of what was not. */
function life(random: () => number): { messages: Told[]; gaps: Gap[] } {
  const messages: Told[] = [];
  const gaps: Gap[] = [];
  const within = (most: number) => Math.floor(random() * most);
  let id = 100;
  let at = 0;
  let fence = 5;
  const recent: AuditRow[] = [];
  const write = (rows: readonly AuditRow[], more: Record<string, string> = {}) => {
    messages.push(message('binance', 'trade', rows, { fence: String(fence), ...more }));
    if (!more.late) recent.push(...rows);
  };
  for (let step = 0; step < STEPS; step++) {
    at += 10 + within(40);
    const dice = random();
    if (dice < 0.6) write(Array.from({ length: 1 + within(3) }, () => trade(id++, ++at)));
    else if (dice < 0.7) {
      // Rows that are not received: told by time, by ids, in part, or not at all.
      const lost = 1 + within(4);
      const from = at;
      at += 100;
      const how = within(4);
      if (how === 0) gaps.push({ from, to: at, ids: null, restart: false });
      if (how === 1) gaps.push({ from, to: at, ids: [id, id + lost - 1], restart: false });
      if (how === 2 && lost > 1) gaps.push({ from, to: at, ids: [id, id + lost - 2], restart: false });
      id += lost;
      at += 100;
    } else if (dice < 0.77 && recent.length > 0) {
      const again = recent[within(recent.length)] as AuditRow;
      write([{ ...again, received_at: START + at * 1000 }]);
    } else if (dice < 0.82) {
      fence += within(2);
      if (within(2) === 0) gaps.push({ from: at - 60, to: at, ids: null, restart: true });
    } else if (dice < 0.9) write([trade(id + within(3), at)], { fence: String(fence - 1 - within(2)) });
    else
      write([trade(100 + within(id - 90), at, { stream_type: 'BACKFILL' })], {
        late: 'backfill',
        fence: '1',
      });
  }
  return { messages, gaps };
}

/** The same questions, answered the long way: every message held against all before it, every id against all rows. */
function model({ messages, gaps }: ReturnType<typeof life>) {
  const late = ({ headers }: Told) => headers.late !== undefined;
  const kept = messages.filter(
    (one, nth) =>
      late(one) ||
      !messages
        .slice(0, nth)
        .some((other) => !late(other) && Number(other.headers.fence) > Number(one.headers.fence)),
  );
  const rows = kept.flatMap((one) => one.value.data.map((row) => ({ id: Number(row.trade_id), row, one })));
  const inTurn = rows.filter(({ one }) => !late(one));
  const all = new Set(rows.map(({ id }) => id));
  const known = [...new Set(inTurn.map(({ id }) => id))].sort((a, b) => a - b);
  const unexplained: number[] = [];
  for (let id = known[0] ?? 0; id <= (known.at(-1) ?? -1); id++) {
    if (all.has(id)) continue;
    const before = inTurn.find((one) => one.id === known.findLast((other) => other < id));
    const behind = inTurn.find((one) => one.id === known.find((other) => other > id));
    const from = before?.row.timestamp ?? 0;
    const to = behind?.row.received_at ?? 0;
    const told = gaps.some(({ ids, ...gap }) =>
      ids ? ids[0] <= id && id <= ids[1] : START + gap.from * 1000 <= to && START + gap.to * 1000 >= from,
    );
    if (!told) unexplained.push(id);
  }
  const repeats = rows.filter(({ id }, nth) => rows.slice(0, nth).some((other) => other.id === id)).length;
  const fenced = messages
    .filter((one) => !kept.includes(one))
    .reduce((sum, { value }) => sum + value.data.length, 0);
  return { rows: rows.length, fenced, repeats, unexplained };
}

test('a random life of a code is judged as a model judges it that keeps everything', () => {
  let holes = 0;
  let repeats = 0;
  for (const seed of SEEDS) {
    const lived = life(randomOf(seed));
    const expected = model(lived);
    const events = lived.gaps.map(({ from, to, ids, restart }) =>
      gap('binance', ids ? 'missing_ids' : restart ? 'restart' : 'cut', from, to, {
        first_missing_id: ids ? String(ids[0]) : null,
        last_missing_id: ids ? String(ids[1]) : null,
      }),
    );
    const report = audited({ messages: lived.messages, events });
    const found = report.findings
      .filter(({ kind }) => kind === 'hole')
      .flatMap(({ first_id, count }) => Array.from({ length: count }, (_, nth) => Number(first_id) + nth));
    const [code] = report.codes;
    expect({
      seed,
      rows: code?.rows,
      fenced: code?.fenced,
      repeats: code?.repeats,
      found: found.sort((a, b) => a - b),
    }).toEqual({
      seed,
      ...{ rows: expected.rows, fenced: expected.fenced, repeats: expected.repeats },
      found: expected.unexplained,
    });
    holes += found.length;
    repeats += expected.repeats;
  }
  expect(holes).toBeGreaterThan(SEEDS.length);
  expect(repeats).toBeGreaterThan(SEEDS.length);
});
