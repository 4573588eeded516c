import { join } from "node:path";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { checkPromises } from "../../actions/lib/operations/policy-check/promise-check.ts";

/** What the policy of the checkout promises and its workflows, plan and regions do not keep, gaps that were accepted excepted. */
export async function promiseProblems(root: string): Promise<string[]> {
  const config = await loadConfig({ needs: [], env: {}, cwd: root });
  const { findings } = await checkPromises(config, undefined, join(root, ".github/workflows"));
  return findings
    .filter(({ level }) => level === "broken")
    .map(({ name, message, next }) => `lifeboat.config.ts: ${name}: ${message} ${next}`);
}
