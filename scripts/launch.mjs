#!/usr/bin/env node
import { findNode24 } from "./setup/node24.mjs";
import { runUnder } from "./setup/run-under.mjs";
// node scripts/launch.mjs <script> [arguments]: set-up, then the script under Node 24.
import { orSay, root, setUp } from "./setup.mjs";

orSay(() => {
  setUp();
  runUnder(findNode24(root), process.argv.slice(2));
});
