import { z } from "zod";
import type { WantedEnvironment } from "../../../policy/repository/wanted.ts";
import { attempt, type Deed } from "./deed.ts";
import type { GivenValues } from "./given-values.ts";
import type { AskGithub, KeptEnvironment, Reviewer } from "./read-settings.ts";

export interface Bringing {
  readonly ask: AskGithub;
  readonly dryRun: boolean;
  /** main is protected: then an environment for protected branches takes nothing else that matters. */
  readonly mainGuarded: boolean;
  readonly reviewers: readonly Reviewer[];
}

const ignored = z.unknown();
/** GitHub asks no more. */
const mostReviewers = 6;

/**
 * Makes an environment, or its limits stricter. GitHub replaces an environment's rules as a whole, so what somebody else has asked for is sent
 * again: nothing is taken away.
 * @param there undefined: there is none yet
 */
export async function bringEnvironment(
  { name, reviewed }: Pick<WantedEnvironment, "name" | "reviewed">,
  there: KeptEnvironment | undefined,
  { ask, dryRun, mainGuarded, reviewers }: Bringing,
): Promise<Deed[]> {
  const where = `environment ${name}`;
  const path = `/environments/${encodeURIComponent(name)}`;
  const kept = there?.reviewedBy ?? [];
  const added = reviewed
    ? reviewers.filter(({ id, type }) => !kept.some((one) => one.id === id && one.type === type))
    : [];
  const room = added.slice(0, mostReviewers - kept.length);
  const protectedBranches = there?.branches === "protected" && mainGuarded;
  const limited = there !== undefined && (protectedBranches || Array.isArray(there.branches));
  const put = (more: readonly Reviewer[], withLimit: boolean) =>
    ask(
      {
        ...{ method: "PUT", path },
        body: {
          ...{ wait_timer: there?.waitMinutes ?? 0, prevent_self_review: there?.preventSelfReview ?? false },
          reviewers: [...kept, ...more].map(({ type, id }) => ({ type, id })),
          deployment_branch_policy: withLimit
            ? { protected_branches: protectedBranches, custom_branch_policies: !protectedBranches }
            : null,
        },
      },
      ignored,
    );
  const deeds: Deed[] = [];
  // The limit first: reviewers may be more than the plan has.
  deeds.push(
    await attempt(where, "limited to main", async () => {
      if (!limited && !dryRun) await put([], true);
      const named = there !== undefined && Array.isArray(there.branches) ? there.branches : [];
      if (!(protectedBranches || named.includes("main")) && !dryRun)
        await ask({ method: "POST", path: `${path}/deployment-branch-policies`, body: { name: "main" } }, ignored);
      const others = named.filter((one) => one !== "main");
      if (others.length > 0)
        return { outcome: "left", note: `It also takes ${others.join(", ")}: remove that in Settings, Environments.` };
      if (there === undefined) return "made";
      return limited && (protectedBranches || named.includes("main")) ? "as it is" : "changed";
    }),
  );
  const bare = deeds.some(({ outcome }) => outcome === "not on this plan");
  if (bare && there === undefined && !dryRun)
    deeds.push(
      await attempt(where, "made without a limit", async () => {
        await put([], false);
        return "made";
      }),
    );
  if (!reviewed) return deeds;
  const others = kept.filter(({ id, type }) => !reviewers.some((one) => one.id === id && one.type === type));
  const note = others.length > 0 ? `Its other reviewers stay: ${others.map((one) => one.name).join(", ")}.` : undefined;
  deeds.push(
    await attempt(where, "required reviewers", async () => {
      if (reviewers.length === 0 && kept.length === 0)
        return { outcome: "missing", note: "CODEOWNERS names nobody for .github/keys whom GitHub knows." };
      if (room.length === 0) return { outcome: others.length > 0 ? "left" : "as it is", note };
      if (!dryRun) await put(room, !bare);
      return { outcome: kept.length === 0 ? "made" : "changed", note };
    }),
  );
  return deeds;
}

/**
 * Puts values into an environment. A variable that is as it should be is left; a secret cannot be compared, so one that is given is stored
 * again.
 * @param there of an environment, by name
 */
export async function bringValues(
  where: string,
  path: string,
  { secrets, variables }: GivenValues,
  there: { readonly secrets: readonly string[]; readonly variables: Readonly<Record<string, string>> },
  { ask, dryRun }: Pick<Bringing, "ask" | "dryRun">,
): Promise<Deed[]> {
  const deeds: Deed[] = [];
  for (const [name, value] of Object.entries(variables)) {
    if (there.secrets.includes(name)) continue; // somebody hides it
    const is = there.variables[name];
    deeds.push(
      await attempt(where, name, async () => {
        if (is === value) return "as it is";
        const body = { name, value };
        if (dryRun) return is === undefined ? "made" : "changed";
        if (is === undefined) await ask({ method: "POST", path: `${path}/variables`, body }, ignored);
        else await ask({ method: "PATCH", path: `${path}/variables/${name}`, body }, ignored);
        return is === undefined ? "made" : "changed";
      }),
    );
  }
  let key: Promise<z.infer<typeof publicKey>> | undefined;
  for (const [name, value] of Object.entries(secrets))
    deeds.push(
      await attempt(where, name, async () => {
        if (dryRun) return "stored";
        key ??= ask({ path: `${path}/secrets/public-key` }, publicKey);
        const { key_id, key: sealTo } = await key;
        const { sealSecret } = await import("./seal-secret.ts");
        const body = { key_id, encrypted_value: await sealSecret(value, sealTo) };
        await ask({ method: "PUT", path: `${path}/secrets/${name}`, body }, ignored);
        return "stored";
      }),
    );
  return deeds;
}

const publicKey = z.object({ key_id: z.string(), key: z.string() });
