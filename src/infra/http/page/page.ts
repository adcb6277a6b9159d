import html from './page.html' with { type: 'text' };

/** The page, one document without any other part. */
// Bun types an import of HTML as a bundle; as text it is a string.
export const PAGE = html as unknown as string;
