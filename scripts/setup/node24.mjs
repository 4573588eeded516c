// Node 24 runs TypeScript as it stands. The one in node_modules is preferred, so that everybody runs the same.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupProblem } from "./say.mjs";

/**
 * Path of a Node 24.
 *
 * @param {string} root the checkout
 */
export function findNode24(root) {
  const own = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  throw new SetupProblem(
    `this needs Node 24, here is ${process.versions.node}: run 'npm ci' in ${root} (it brings Node 24 on Linux), or install Node 24.`,
  );
}
