/** A part of a page that is written by the code: it stands between two comments that name it. */

/** What stands between the marks; undefined when they are not there. */
export function markedPart(page: string, name: string): string | undefined {
  const place = find(page, name);
  return place === undefined ? undefined : page.slice(place.from, place.to).trim();
}

/** The page with `text` between the marks. @throws when they are not there */
export function withMarkedPart(page: string, name: string, text: string): string {
  const place = find(page, name);
  if (place === undefined) throw new Error(`The page has lost its marks ${begin(name)} and ${end(name)}.`);
  return `${page.slice(0, place.from)}\n${text}\n${page.slice(place.to)}`;
}

const begin = (name: string): string => `<!-- ${name}:begin -->`;
const end = (name: string): string => `<!-- ${name}:end -->`;

function find(page: string, name: string): { from: number; to: number } | undefined {
  const from = page.indexOf(begin(name));
  const to = page.indexOf(end(name));
  return from < 0 || to < from ? undefined : { from: from + begin(name).length, to };
}
