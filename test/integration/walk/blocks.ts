/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Every fenced block, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

/** The commands of a shell block, a here-document with its own; comments and exports are none. */
export function commandsOf(text: string): string[] {
  const commands: string[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = (lines[at] ?? '').replace(/\s+#.*$/, '').trim();
    if (line === '' || line.startsWith('#') || line.startsWith('export ')) continue;
    const until = line.match(/<<'?(\w+)'?$/)?.[1];
    const from = at;
    if (until !== undefined) at = lines.indexOf(until, at);
    commands.push(until === undefined ? line : `${lines.slice(from, at + 1).join('\n')}\n`);
  }
  return commands;
}

/** The variables that a shell block exports. */
export function exportsOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.startsWith('export '));
  const pairs = lines.flatMap((line) => [...line.replace(/\s+#.*$/, '').matchAll(/(\w+)=(\S+)/g)]);
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
}
