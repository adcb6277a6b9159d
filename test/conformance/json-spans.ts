/** Where a value stands in a JSON text: the text from `from` up to `to`, and the key or index chain that leads there. */
export interface Span {
  readonly path: readonly (string | number)[];
  readonly from: number;
  readonly to: number;
  readonly kind: 'object' | 'array' | 'string' | 'word';
  /** Where the whole member starts, key included; equals `from` for elements and the root. */
  readonly memberFrom: number;
}

/**
 * Every value of a JSON text in order of its start, so that frames can be changed as text: what is not changed keeps its
 * spelling to the last digit.
 * @throws Error where the text is not JSON
 */
export function spansOf(text: string): Span[] {
  JSON.parse(text);
  const spans: Span[] = [];
  let at = 0;
  const blank = () => {
    while (/\s/.test(text[at] ?? '')) at++;
  };

  function value(path: Span['path'], memberFrom: number): void {
    blank();
    const from = at;
    const first = text[at];
    const slot = spans.length;
    let kind: Span['kind'] = 'word';
    spans.push({ path, from, to: from, kind, memberFrom });
    if (first === '{' || first === '[') {
      kind = first === '{' ? 'object' : 'array';
      items(path, kind);
    } else if (first === '"') {
      kind = 'string';
      string();
    } else while (/[^\s,\]}]/.test(text[at] ?? ' ')) at++;
    spans[slot] = { path, from, to: at, kind, memberFrom: memberFrom === -1 ? from : memberFrom };
  }

  function items(path: Span['path'], kind: 'object' | 'array'): void {
    at++;
    for (let index = 0; ; index++) {
      blank();
      if (text[at] === '}' || text[at] === ']') break;
      if (kind === 'array') value([...path, index], -1);
      else {
        const start = at;
        const key = JSON.parse(string()) as string;
        blank();
        at++;
        value([...path, key], start);
      }
      blank();
      if (text[at] === ',') at++;
    }
    at++;
  }

  function string(): string {
    const from = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    return text.slice(from, ++at);
  }

  value([], -1);
  return spans;
}

/** The text with the value at `span` replaced. */
export function withValue(text: string, span: Span, json: string): string {
  return text.slice(0, span.from) + json + text.slice(span.to);
}

/** The text without the member or element at `span`, and without the comma that parted it from its neighbour. */
export function without(text: string, span: Span): string {
  const before = text.slice(0, span.memberFrom);
  const after = text.slice(span.to);
  return /^\s*,/.test(after) ? before + after.replace(/^\s*,/, '') : before.replace(/,\s*$/, '') + after;
}
