// Starts as `npx lifeboat` does: with Node's compile cache, which has to be there before the first import.
import module from "node:module";

module.enableCompileCache(new URL("../../node_modules/.cache/node", import.meta.url).pathname);
await import("./backup-without-fingerprints.ts");
