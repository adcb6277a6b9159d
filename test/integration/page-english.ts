/**
 * Runs in the page: words in Latin letters among what is visible, or said to a screen reader, that are neither names nor
 * units. What exchanges say, and the codes, stand for themselves.
 */
export const ENGLISH_WORDS = `(() => {
  const NAMES = new Set([
    ...'kor-coin-stream kafka redis embedded memory stdout http cut ms min kib mib gib tib p50 p95 p99'.split(' '),
    // The button that brings the other language back says so in that language.
    'english',
    // Keys, and how the page is told to start a stream.
    ...'enter esc connect_and_subscribe exchange'.split(' '),
  ]);
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (element.closest('script,style,template,tbody td:first-child,h3,.tag,#who')) continue;
    if (element.checkVisibility()) texts.push(node.textContent);
  }
  for (const element of document.querySelectorAll('[aria-label],[placeholder]'))
    if (!element.matches('.exchange'))
      texts.push(element.getAttribute('aria-label') ?? '', element.getAttribute('placeholder') ?? '');
  for (const card of document.querySelectorAll('.exchange')) NAMES.add(card.id.replace('exchange-', ''));
  const words = texts.flatMap((text) => text.match(/[A-Za-z][A-Za-z_0-9-]{2,}/g) ?? []);
  return [...new Set(words.filter((word) => !NAMES.has(word.toLowerCase()) && !/^[A-Z0-9]+-[A-Z0-9]+$/.test(word)))];
})()`;
