#!/usr/bin/env node
// `npx lifeboat`: under Node 24 the CLI itself; under an older Node the same again with the Node 24 of node_modules.
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

if (Number(process.versions.node.split(".")[0]) >= 24) {
  // Halves the start of every later call; where it can't be written Node goes on without.
  module.enableCompileCache(join(dirname(here), "node_modules", ".cache", "node"));
  const cli = join(here, "lifeboat.ts");
  await import(cli);
} else {
  const { findNode24 } = await import("./setup/node24.mjs");
  const { runUnder } = await import("./setup/run-under.mjs");
  const { orSay } = await import("./setup.mjs");
  orSay(() => runUnder(findNode24(dirname(here)), [join(here, "lifeboat.mjs"), ...process.argv.slice(2)]));
}
