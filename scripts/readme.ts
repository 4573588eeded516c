import { readFileSync, writeFileSync } from "node:fs";
import { withCommandTable } from "./check/readme.ts";

/** `npm run readme`: puts the code's table of commands into README.md. */
const path = new URL("../README.md", import.meta.url);
writeFileSync(path, await withCommandTable(readFileSync(path, "utf8")));
