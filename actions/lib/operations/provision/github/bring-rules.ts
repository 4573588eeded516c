import { z } from "zod";
import { isAsStrict, type SeenRules, stricter } from "../../../policy/repository/drift.ts";
import type { WantedRuleset } from "../../../policy/repository/wanted.ts";
import { attempt, type Deed } from "./deed.ts";
import type { AskGithub, SeenRuleset } from "./read-settings.ts";

/**
 * Makes a branch's ruleset, or the one of an earlier run stricter. What somebody has added to it stays, and other rulesets are left alone:
 * GitHub applies the strictest of all.
 * @param there the repository's ruleset of that name
 */
export async function bringRuleset(
  wanted: WantedRuleset,
  rules: SeenRules,
  there: SeenRuleset | undefined,
  { ask, dryRun }: { readonly ask: AskGithub; readonly dryRun: boolean },
): Promise<Deed> {
  const where = `branch ${wanted.branch}`;
  return attempt(where, `ruleset "${wanted.name}"`, async () => {
    const applied = (wanted.branch === "main" ? rules.main : rules.reports) ?? [];
    const note = bypassNote(there);
    if (wanted.rules.every((rule) => applied.some((one) => isAsStrict(one, rule))))
      return { outcome: "as it is", note };
    const own = there?.rules ?? [];
    const merged = [
      ...wanted.rules.map((rule) =>
        stricter(
          own.find(({ type }) => type === rule.type),
          rule,
        ),
      ),
      ...own.filter(({ type }) => !wanted.rules.some((rule) => rule.type === type)),
    ];
    const body = {
      ...{ name: wanted.name, target: "branch", enforcement: "active", rules: merged },
      conditions: { ref_name: { include: [`refs/heads/${wanted.branch}`], exclude: [] } },
    };
    if (dryRun) return { outcome: there === undefined ? "made" : "changed", note };
    if (there === undefined) await ask({ method: "POST", path: "/rulesets", body }, z.unknown());
    else await ask({ method: "PUT", path: `/rulesets/${there.id}`, body }, z.unknown());
    return { outcome: there === undefined ? "made" : "changed", note };
  });
}

function bypassNote(there: SeenRuleset | undefined): string | undefined {
  const actors = there?.bypass_actors ?? [];
  return actors.length === 0
    ? undefined
    : `Somebody may pass over it (${actors.map(({ actor_type }) => actor_type).join(", ")}): Settings, Rules, Rulesets.`;
}
