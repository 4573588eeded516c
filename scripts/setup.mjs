#!/usr/bin/env node
// Makes this checkout ready to run: plain JavaScript for Node 20 and newer, because it is what brings Node 24.
// Idempotent; when nothing is missing it only looks.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureLinters } from "./setup/linters.mjs";
import { ensureMoto } from "./setup/moto.mjs";
import { ensureNodeModules } from "./setup/node-modules.mjs";
import { tools } from "./setup/pins.mjs";
import { SetupProblem, say } from "./setup/say.mjs";
import { ensureSystemTools } from "./setup/system-tools.mjs";
import { ensureTool } from "./setup/wheels.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that the demo, the tests and the checks need. Throws SetupProblem. */
export function setUp() {
  ensureNodeModules(root);
  for (const tool of tools) ensureTool(tool);
  ensureMoto();
  ensureSystemTools();
}

/**
 * Runs `work`; a SetupProblem becomes one line and exit code 2.
 *
 * @param {() => void} work
 */
export function orSay(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    say(error.message);
    process.exit(2);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  orSay(() => {
    setUp();
    ensureLinters();
  });
}
