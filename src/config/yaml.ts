import { LineCounter, parseDocument } from 'yaml';
import { declared } from './setting.ts';
import { exchangeSchema, settingsSchema } from './settings.ts';

/** Text that is no YAML. Its message quotes nothing: the text may hold secrets. */
export class YamlFault extends Error {}

/** Paths of the settings that are text, and of the maps whose values are text for whoever they go to. */
const TEXT = new Set(
  [
    ...declared(settingsSchema),
    ...declared(exchangeSchema).map((one) => ({ ...one, path: `exchanges.*.${one.path}` })),
  ].flatMap(({ path, type }) => (type === 'text' ? [path] : [])),
);
/** Below it every name is another program's. */
export const FOREIGN_KEYS = 'kafka.options.';

/**
 * Settings as YAML has them, except that a text setting keeps its characters: a password of digits is no number, and
 * `007` does not become 7.
 * @param under path of the setting whose value `text` is; empty for a whole file
 * @throws YamlFault
 */
export function readYaml(text: string, under = ''): unknown {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false } as const;
  const document = parseDocument(text, options);
  const [wrong] = document.errors;
  if (wrong) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    throw new YamlFault(`not YAML at line ${line}, column ${col}: ${wrong.code}.`);
  }
  const literal = parseDocument(text, { ...options, schema: 'failsafe' });
  try {
    return keepText(document.toJS(), literal.toJS(), under);
  } catch {
    throw new YamlFault('its aliases cannot be resolved.');
  }
}

function keepText(value: unknown, literal: unknown, path: string): unknown {
  if (typeof value === 'number' || typeof value === 'boolean')
    return isText(path) && typeof literal === 'string' ? literal : value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const literals = typeof literal === 'object' && literal !== null ? new Map(Object.entries(literal)) : null;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      keepText(inner, literals?.get(key), path === '' ? key : `${path}.${key}`),
    ]),
  );
}

function isText(path: string): boolean {
  return path.startsWith(FOREIGN_KEYS) || TEXT.has(path.replace(/^exchanges\.[^.]+\./, 'exchanges.*.'));
}
