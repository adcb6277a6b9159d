/** What a terminal of a size shows after what was written to it; as much of one as the program uses. */
export interface TerminalScreen {
  readonly columns: number;
  readonly rows: number;
  /** Lines from top to bottom, without blanks at their ends. */
  readonly lines: readonly string[];
  /** Lines that have left it at the top. */
  readonly scrolled: readonly string[];
  /** What stood on lines that went on below, being longer than it is wide. */
  readonly wrapped: readonly string[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read
const SEQUENCE = /\u001b\[([\d;]*)([A-Za-z])/y;

/**
 * Reads what was written to a terminal: text, ends of lines, cursor up, erase to the end; colours are passed over.
 * @throws Error at a sequence that is none of these
 */
export function terminalScreen(written: string, columns: number, rows: number): TerminalScreen {
  const scrolled: string[] = [];
  const grid: string[] = [''];
  let row = 0;
  let column = 0;
  const wrapped: string[] = [];
  const down = (): void => {
    row++;
    if (row === grid.length) grid.push('');
    if (grid.length > rows) {
      scrolled.push(grid.shift() ?? '');
      row--;
    }
  };
  for (let at = 0; at < written.length; ) {
    SEQUENCE.lastIndex = at;
    const sequence = SEQUENCE.exec(written);
    if (sequence) {
      const [all, argument = '', name] = sequence;
      at += all.length;
      if (name === 'A') row = Math.max(0, row - (Number(argument) || 1));
      else if (name === 'J') {
        grid.length = row + 1;
        grid[row] = (grid[row] ?? '').slice(0, column);
      } else if (name !== 'm') throw new Error(`the terminal does not know ${JSON.stringify(all)}`);
      continue;
    }
    const character = String.fromCodePoint(written.codePointAt(at) ?? 0);
    at += character.length;
    if (character === '\r') column = 0;
    else if (character === '\n') down();
    else {
      if (column === columns) {
        wrapped.push(grid[row] ?? '');
        column = 0;
        down();
      }
      const line = (grid[row] ?? '').padEnd(column);
      grid[row] = line.slice(0, column) + character + line.slice(column + 1);
      column++;
    }
  }
  return { columns, rows, lines: grid.map((line) => line.trimEnd()), scrolled, wrapped };
}

const FONT_PX = 14;
/** Of a monospaced letter, with its line. */
const LETTER = { width: 8.43, height: 19 };
const MARGIN = 14;

/** The screen as a picture. */
export function svgOf({ columns, rows, lines }: TerminalScreen): string {
  const width = Math.ceil(columns * LETTER.width + 2 * MARGIN);
  const height = rows * LETTER.height + 2 * MARGIN;
  const texts = lines.map((line, at) => {
    const y = MARGIN + (at + 1) * LETTER.height - 5;
    const length = (line.length * LETTER.width).toFixed(1);
    return line === ''
      ? ''
      : `<text x="${MARGIN}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${escaped(line)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${columns} × ${rows}</title>
<rect width="${width}" height="${height}" rx="8" fill="#1b1f24"/>
<g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="${FONT_PX}" fill="#d6dce3">
${texts.join('')}</g>
</svg>
`;
}

/** Blanks as those that no renderer draws together. */
function escaped(text: string): string {
  return text
    .replaceAll(' ', '\u00a0')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
