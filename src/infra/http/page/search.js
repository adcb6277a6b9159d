// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** What is looked for, and among which streams. */
const seek = { terms: [], only: 'all', codes: new Map(), askedMs: Number.NEGATIVE_INFINITY };
/** Codes are asked for again after so many ms, while something is looked for. */
const CODES_MS = 10_000;
/** Codes that a line names of those that were found. */
const CODES_NAMED = 6;

/** Whether something of a stream is not as it should be now. */
function troubled({ x, t, state, codes, waited }, warnings) {
  const { stale, refused, unconfirmed, in_gap: open } = codes;
  if (state !== 'live' || stale + refused + unconfirmed + open > 0 || waited > 15_000) return true;
  return warnings.some(({ what }) => what === `${x} ${t}`);
}

/** Whether the stream is shown, and which of its codes were found; all terms must be found, in its name or in that of a code. */
function found({ x, region, t, state }) {
  if (seek.terms.length === 0) return { shown: true, codes: [] };
  const own = [x, region, t, words[t] ?? t, state, words.states[state] ?? state].join(' ').toLowerCase();
  const rest = seek.terms.filter((term) => !own.includes(term));
  if (rest.length === 0) return { shown: true, codes: [] };
  const known = seek.codes.get(`${x}/${t}`) ?? [];
  const codes = known.filter((names) =>
    rest.every((term) => names.some((name) => name.toLowerCase().includes(term))),
  );
  return { shown: codes.length > 0, codes: codes.map(([code]) => code) };
}

/** Shows the lines that are looked for, and hides the others. */
function showFound({ streams: all, warnings }) {
  let shown = 0;
  let bad = 0;
  for (const stream of all) {
    const line = streams.get(`${stream.x}/${stream.t}`);
    if (!line) continue;
    const isBad = troubled(stream, warnings);
    if (isBad) bad++;
    const { shown: wanted, codes } = found(stream);
    const visible = wanted && (isBad || seek.only === 'all');
    if (visible) shown++;
    line.element.hidden = !visible;
    line.wanted = codes.length > 0 ? seek.terms.at(-1) : '';
    const more = codes.length > CODES_NAMED ? ', …' : '';
    const text = `${words.codesOf(count(codes.length))}: ${codes.slice(0, CODES_NAMED).join(', ')}${more}`;
    line.found.hidden = codes.length === 0;
    setText(line.found, codes.length === 0 ? '' : text);
  }
  for (const card of document.querySelectorAll('.exchange'))
    card.hidden = card.querySelector('.stream:not([hidden])') === null;
  setText(document.querySelector('[data-show="all"] b'), count(all.length));
  setText(document.querySelector('[data-show="troubled"] b'), count(bad));
  find('seek').hidden = all.length === 0;
  find('columns').hidden = shown === 0;
  find('no-match').hidden = shown > 0 || all.length === 0;
}

/** The codes of all streams, from where everything is: only while somebody looks for one. */
async function askCodes() {
  if (seek.terms.length === 0 || performance.now() - seek.askedMs < CODES_MS) return;
  seek.askedMs = performance.now();
  try {
    const answer = await fetch('/status', { signal: AbortSignal.timeout(CODES_MS) });
    if (!answer.ok) return;
    const { streams: all } = await answer.json();
    seek.codes = new Map(
      all.map(({ exchange, request_type: type, codes }) => [
        `${exchange}/${type}`,
        codes.map(({ code, symbol }) => [code, symbol]),
      ]),
    );
    if (latest) showFound(latest);
  } catch {
    // It is asked again; streams are found without.
  }
}

function look() {
  seek.terms = find('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  if (latest) showFound(latest);
  askCodes();
}

function showOnly(which) {
  seek.only = which;
  for (const button of document.querySelectorAll('[data-show]'))
    button.setAttribute('aria-pressed', String(button.dataset.show === which));
  if (latest) showFound(latest);
}
