import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withMarkedPart } from "./check/marked.ts";
import { writtenParts } from "./check/readme.ts";

/** `npm run readme`: writes into the pages what follows from the code. */
const root = fileURLToPath(new URL("..", import.meta.url));
for (const { path, mark, text } of await writtenParts(root)) {
  const page = readFileSync(join(root, path), "utf8");
  writeFileSync(join(root, path), withMarkedPart(page, mark, text));
}
