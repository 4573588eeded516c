#!/usr/bin/env node
// All that an action needs before its main.ts can run: the packages, and Node 24 on the path of the job.
// `packages.mjs production` installs what Lifeboat itself imports; without it checks and tests find theirs as well.
import { appendFileSync } from "node:fs";
import { dirname } from "node:path";
import { orSay, root } from "../setup.mjs";
import { ensureNodeModules } from "./node-modules.mjs";
import { findNode24 } from "./node24.mjs";
import { SetupProblem } from "./say.mjs";

orSay(() => {
  const [kind = "all"] = process.argv.slice(2);
  if (kind !== "all" && kind !== "production") {
    throw new SetupProblem(`packages.mjs was called with '${kind}': it takes production or all.`);
  }
  ensureNodeModules(root, kind);
  const node = findNode24(root);
  const path = process.env["GITHUB_PATH"];
  // For the steps that follow, where no setup-node has come first.
  if (path && Number(process.versions.node.split(".")[0]) < 24) appendFileSync(path, `${dirname(node)}\n`);
});
