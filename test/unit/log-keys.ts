/**
 * The keys of the objects that a source file hands to a log, as they stand in it; what is spread into them is not
 * seen. Enough for this program's style: an object literal as the first argument.
 */
export function logKeys(source: string): string[] {
  const keys: string[] = [];
  for (const call of source.matchAll(/\blog(?:\.(?:trace|debug|info|warn|error|fatal)|\[level\])\(\s*\{/gi)) {
    keys.push(...topLevelKeys(source, call.index + call[0].length));
  }
  return keys;
}

/** Keys of an object literal whose opening brace is just before `from`. */
function topLevelKeys(source: string, from: number): string[] {
  const keys: string[] = [];
  let depth = 0;
  let atKey = true;
  for (let i = from; i < source.length && depth >= 0; i++) {
    const rest = source.slice(i);
    const text = /^(['"`])(?:\\.|(?!\1).)*\1/s.exec(rest)?.[0];
    if (text) {
      i += text.length - 1;
    } else if ('{[('.includes(source[i] ?? '')) depth++;
    else if ('}])'.includes(source[i] ?? '')) depth--;
    else if (depth === 0 && source[i] === ',') atKey = true;
    else if (depth === 0 && atKey) {
      const name = /^[A-Za-z_]\w*/.exec(rest)?.[0];
      if (name) {
        keys.push(name);
        i += name.length - 1;
      }
      if (name || source[i] === '.') atKey = false;
    }
  }
  return keys;
}
