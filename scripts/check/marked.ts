import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { WrittenPart } from "./written-part.ts";

/** A part of a page that is written by the code stands between two comments that name it. */

/** What stands there now; undefined when the file or its marks are not there. @param root the checkout */
export function writtenText(root: string, { path, mark }: WrittenPart): string | undefined {
  const file = join(root, path);
  if (!existsSync(file)) return undefined;
  const page = readFileSync(file, "utf8");
  const place = mark === undefined ? undefined : find(page, mark);
  if (mark === undefined) return page;
  return place === undefined ? undefined : page.slice(place.from, place.to).trim();
}

/** Writes it, and the page around it where there is none. @throws when the page has lost its marks */
export function writePart(root: string, { path, mark, text, around = "" }: WrittenPart): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  if (mark === undefined) {
    writeFileSync(file, text);
    return;
  }
  const page = existsSync(file) ? readFileSync(file, "utf8") : `${around}\n${begin(mark)}\n${end(mark)}\n`;
  const place = find(page, mark);
  if (place === undefined) throw new Error(`${path} has lost its marks ${begin(mark)} and ${end(mark)}.`);
  writeFileSync(file, `${page.slice(0, place.from)}\n${text}\n${page.slice(place.to)}`);
}

const begin = (name: string): string => `<!-- ${name}:begin -->`;
const end = (name: string): string => `<!-- ${name}:end -->`;

function find(page: string, name: string): { from: number; to: number } | undefined {
  const from = page.indexOf(begin(name));
  const to = page.indexOf(end(name));
  return from < 0 || to < from ? undefined : { from: from + begin(name).length, to };
}
