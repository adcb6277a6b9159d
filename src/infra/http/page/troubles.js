// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** Names that stand in the line of a kind; all of them are in its list. */
const NAMED = 4;

/** What two troubles have in common that befall different streams, topics or codes. */
function kindOf(why) {
  return why
    .replace(/^[\w-]+(?:\.[\w-]+)+:? /, '… ')
    .replace(/[:(;].*$/s, '')
    .replace(/(?<!\S)\d\S*/g, '…')
    .trim();
}

/** Kind in words → its reasons, in the order in which the kinds came. Two that read alike, as of streams and of codes, are one. */
function kindsOf(reasons) {
  const kinds = new Map();
  for (const reason of reasons) {
    const name = kindOf(reason.why);
    const kind = words.states[name] ?? said(name);
    const own = kinds.get(kind);
    if (own) own.push(reason);
    else kinds.set(kind, [reason]);
  }
  return kinds;
}

function sentence({ what, why }) {
  return `${said(what)}: ${said(why)}`;
}

/** One line for each kind of trouble, however many it befell; elements stay where they are, so that an open list stays open. */
function showTroubles(section, reasons) {
  const kinds = kindsOf(reasons);
  const old = new Map([...section.children].map((element) => [element.dataset.kind, element]));
  const elements = [...kinds].map(([kind, own]) => {
    const known = old.get(kind);
    const many = own.length > 1;
    const element = known && (known.tagName === 'DETAILS') === many ? known : newTrouble(kind, many);
    fillTrouble(element, kind, own);
    return element;
  });
  const same =
    elements.length === section.children.length && elements.every((one) => one.parentElement === section);
  if (!same) section.replaceChildren(...elements);
}

function newTrouble(kind, many) {
  const element = document.createElement(many ? 'details' : 'p');
  element.dataset.kind = kind;
  if (many) element.append(document.createElement('summary'), document.createElement('ul'));
  return element;
}

function fillTrouble(element, kind, reasons) {
  if (reasons.length === 1) return setText(element, sentence(reasons[0]));
  const names = [...new Set(reasons.map(({ what }) => said(what)))];
  const named = names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ', …' : '');
  const [summary, list] = element.children;
  setText(summary, words.manyOf(count(reasons.length), kind, named));
  const texts = reasons.map(sentence);
  while (list.children.length > texts.length) list.lastElementChild.remove();
  while (list.children.length < texts.length) list.append(document.createElement('li'));
  texts.forEach((text, place) => {
    setText(list.children[place], text);
  });
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** For screen readers: which kinds of trouble there are, read anew only when that has changed, not with every second. */
function tellKinds(reasons) {
  setText(find('told'), [...kindsOf(reasons).keys()].join('; '));
}
