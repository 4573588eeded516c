import { fileURLToPath } from "node:url";
import { writePart } from "./check/marked.ts";
import { writtenParts } from "./check/readme.ts";

/** `npm run readme`: writes what follows from the code: tables of pages, and the files of each action. */
const root = fileURLToPath(new URL("..", import.meta.url));
for (const part of await writtenParts(root)) writePart(root, part);
