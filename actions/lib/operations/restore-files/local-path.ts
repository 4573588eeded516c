import { createHash } from "node:crypto";
import type { SelectedFile } from "./selection.ts";

/** `%` is in no name that Supabase takes, so what is written with it meets no other name. */
const spelled = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");

const longestSegment = 255;

/**
 * One part of a path as a file system can hold it: never empty, `.` or `..`, no separator or control character, no blank or
 * dot at its end (Windows drops those), at most 255 bytes.
 */
function segment(text: string): string {
  if (text === "") return "%";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const plain = text.replaceAll(/[\u0000-\u001f\u007f\\%]/g, spelled).replace(/[. ]+$/, spelled);
  const safe = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain) ? `%${plain}` : plain;
  if (Buffer.byteLength(safe) <= longestSegment) return safe;
  const kept = Buffer.from(safe)
    .subarray(0, 200)
    .toString("utf8")
    .replace(/\uFFFD$/, "")
    .replace(/%[0-9A-F]?$/, "");
  return `${kept}%${mark(text)}`;
}

const mark = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** How a name is told from another by file systems that do not know upper from lower case. */
const folded = (path: string): string => path.normalize("NFC").toLowerCase();

/**
 * Where each file goes below a folder, as a relative path with `/`: `<bucket>/<name>` where that can be held, and something
 * near it where not. No two files share a path, also where case does not count; no path is another's folder.
 */
export function localPaths(files: readonly Pick<SelectedFile, "bucket" | "name">[]): string[] {
  const plain = files.map(({ bucket, name }) => [bucket, ...name.split("/")].map(segment));
  const folders = new Set<string>();
  for (const parts of plain)
    for (let depth = 1; depth < parts.length; depth++) folders.add(folded(parts.slice(0, depth).join("/")));
  const taken = new Set<string>(folders);
  return plain.map((parts, place) => {
    const file = files[place];
    let path = parts.join("/");
    if (taken.has(folded(path))) {
      const last = parts.at(-1) ?? "";
      const told = `%${mark(`${file?.bucket}/${file?.name}`)}`;
      path = [
        ...parts.slice(0, -1),
        `${Buffer.from(last)
          .subarray(0, 200)
          .toString("utf8")
          .replace(/\uFFFD$/, "")}${told}`,
      ].join("/");
    }
    taken.add(folded(path));
    return path;
  });
}
