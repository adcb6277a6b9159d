import client from './client.js' with { type: 'text' };
import detail from './detail.js' with { type: 'text' };
import draw from './draw.js' with { type: 'text' };
import lines from './lines.js' with { type: 'text' };
import narrow from './narrow.css' with { type: 'text' };
import css from './page.css' with { type: 'text' };
import html from './page.html' with { type: 'text' };
import said from './said.js' with { type: 'text' };
import search from './search.js' with { type: 'text' };
import streams from './streams.css' with { type: 'text' };
import troubles from './troubles.js' with { type: 'text' };
import words from './words.js' with { type: 'text' };

/** What each mark in the document becomes. Imported as text, they are strings whatever their endings make of them. */
const PARTS: Readonly<Record<string, unknown>> = {
  '/*CSS*/': [css, streams, narrow].join('\n'),
  '/*WORDS*/': words,
  '/*SAID*/': said,
  '/*DRAW*/': draw,
  '/*DETAIL*/': detail,
  '/*TROUBLES*/': troubles,
  '/*SEARCH*/': search,
  '/*LINES*/': lines,
  '/*CLIENT*/': client,
};

/** The page, one document without any other part. */
export const PAGE = Object.entries(PARTS).reduce(
  (page, [mark, part]) => page.replace(mark, () => String(part)),
  String(html),
);
