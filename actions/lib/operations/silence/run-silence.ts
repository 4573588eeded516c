import { relative } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import { visible } from "../../base/escaping.ts";
import { longestSilenceDays, type Silence } from "../../config/policy/monitor.ts";
import { type MarkedBlock, readPolicyText, replaceMarked, replacePolicyText } from "../../config/policy-file.ts";
import { standingOf } from "../../policy/monitor/silences.ts";
import type { Context } from "../context.ts";
import { checkNames } from "../monitor/catalogue/checks.ts";
import { stateOf } from "../monitor/read-state.ts";
import type { Told } from "../operation.ts";
import { withFetchedBranch } from "../publish/fetched-branch.ts";

interface Request {
  readonly check: string;
  /** Undefined: the silence of the check ends. */
  readonly silence: Pick<Silence, "until" | "reason"> | undefined;
  readonly dryRun: boolean;
}

/**
 * Changes the silences of the policy file; those that are over go with the same change.
 * @throws ConfigurationError `check-unknown`, `silence-past`, `silence-too-long`, `silence-none`, `silences-block-missing`, `policy-unreadable`
 */
export async function silence(
  context: Context,
  { check, silence, dryRun }: Request,
  now: Date = new Date(),
): Promise<Told> {
  const { policy, policyPath } = context.config();
  const before = policy.monitor.silences;
  if (silence === undefined) {
    if (!before.some((one) => one.check === check))
      throw new ConfigurationError("silence-none", `The policy has no silence of ${check}.`, "Nothing has to end.");
  } else {
    await refuseUnknown(context, check, now);
    refuseDay(silence.until, now);
  }
  const others = before.filter((one) => one.check !== check && standingOf(one, now) !== "over");
  const silences =
    silence === undefined ? others : [...others, { check, until: silence.until, reason: visible(silence.reason) }];
  const text = replaceMarked(readPolicyText(policyPath), block, linesOf(silences));
  if (!dryRun) await replacePolicyText(policyPath, text);
  const what =
    silence === undefined ? `The silence of ${check} ends` : `Nobody is told of ${check} until ${silence.until}`;
  const file = relative(process.cwd(), policyPath);
  return {
    result: { dryRun, check, silences },
    lines: dryRun
      ? ["Dry run: the policy would have", ...linesOf(silences)]
      : [`${what} as soon as the change of ${file} is merged: open a pull request with it.`],
  };
}

async function refuseUnknown(context: Context, check: string, now: Date): Promise<void> {
  // A check that this environment does not have, e.g. of a replica, may be known to the monitor's own.
  const kept = await withFetchedBranch(context, async (tree) => Object.keys(stateOf(tree).state?.checks ?? {}));
  const known = [...new Set([...checkNames({ context, now, history: () => [] }), ...kept])];
  if (known.includes(check)) return;
  throw new ConfigurationError(
    "check-unknown",
    `The monitor has no check named ${check}.`,
    `The checks are ${known.sort().join(", ")}.`,
  );
}

function refuseDay(until: string, now: Date): void {
  const standing = standingOf({ until }, now);
  if (standing === "over")
    throw new ConfigurationError("silence-past", `${until} is over.`, "Give a day from today on (UTC).");
  if (standing === "too late")
    throw new ConfigurationError(
      "silence-too-long",
      `A silence lasts ${longestSilenceDays} days at most, and ${until} is later.`,
      "Give an earlier day. What should stay as it is belongs in the policy, not in a silence.",
    );
}

const block: MarkedBlock = { name: "silences", entry: "silences: […]," };

function linesOf(silences: readonly Silence[]): string[] {
  if (silences.length === 0) return ["silences: [],"];
  const entries = silences.flatMap(({ check, until, reason }) => [
    "  {",
    ...Object.entries({ check, until, reason }).map(([name, value]) => `    ${name}: ${JSON.stringify(value)},`),
    "  },",
  ]);
  return ["silences: [", ...entries, "],"];
}
