/** A family of Prometheus series. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** Something whose samples, none below 0, can be counted up to a bound. */
export interface Buckets {
  readonly count: number;
  readonly sum: number;
  countUpTo(value: number): number;
}

/**
 * Text in the Prometheus exposition format, version 0.0.4. Families appear in the order of their definition, each
 * once; one without a sample is left out.
 */
export class Exposition<Name extends string> {
  readonly #definitions: Readonly<Record<Name, MetricDefinition>>;
  readonly #lines = new Map<Name, string[]>();

  constructor(definitions: Readonly<Record<Name, MetricDefinition>>) {
    this.#definitions = definitions;
  }

  /** A sample of a counter or gauge. A value that is null or not finite is not known, and left out. */
  add(name: Name, value: number | null, labels: Labels = {}): void {
    if (value === null || !Number.isFinite(value)) return;
    this.#of(name).push(`${name}${labelText(labels)} ${value}`);
  }

  /** 1 for the state that holds, 0 for the others. */
  addState(name: Name, states: readonly string[], holds: string, labels: Labels = {}): void {
    for (const state of states) this.add(name, state === holds ? 1 : 0, { ...labels, state });
  }

  /**
   * A histogram of microseconds, shown in seconds.
   * @param bounds upper bounds in seconds, rising
   */
  addHistogram(name: Name, buckets: Buckets, bounds: readonly number[], labels: Labels = {}): void {
    const lines = this.#of(name);
    for (const bound of bounds) {
      const le = { ...labels, le: String(bound) };
      lines.push(`${name}_bucket${labelText(le)} ${buckets.countUpTo(bound * 1e6)}`);
    }
    lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${buckets.count}`);
    lines.push(`${name}_sum${labelText(labels)} ${buckets.sum / 1e6}`);
    lines.push(`${name}_count${labelText(labels)} ${buckets.count}`);
  }

  text(): string {
    const parts: string[] = [];
    for (const name of Object.keys(this.#definitions) as Name[]) {
      const lines = this.#lines.get(name);
      if (!lines) continue;
      const { type, help } = this.#definitions[name];
      parts.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines);
    }
    return `${parts.join('\n')}\n`;
  }

  #of(name: Name): string[] {
    let lines = this.#lines.get(name);
    if (!lines) {
      lines = [];
      this.#lines.set(name, lines);
    }
    return lines;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
