#!/usr/bin/env node
// `npx lifeboat`: under Node 24 the CLI itself; under an older Node the same again with the Node 24 of node_modules.
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const packages = join(root, "node_modules");

if (!existsSync(packages)) {
  process.stderr.write(`error: Lifeboat's packages are not installed.\nnext:  Run 'npm ci' in ${root}.\n`);
  process.exitCode = 2;
} else if (Number(process.versions.node.split(".")[0]) >= 24) {
  // Halves the start of every later call; where it can't be written Node goes on without.
  module.enableCompileCache(join(packages, ".cache", "node"));
  await import("./lifeboat.ts");
} else {
  const { findNode24 } = await import("./setup/node24.mjs");
  const { runUnder } = await import("./setup/run-under.mjs");
  const { orSay } = await import("./setup.mjs");
  orSay(() => runUnder(findNode24(root), [join(here, "lifeboat.mjs"), ...process.argv.slice(2)]));
}
