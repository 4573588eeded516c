import { z } from "zod";
import { LifeboatError } from "../../../base/errors.ts";
import type { Deed } from "./deed.ts";
import type { AskGithub, Reviewer } from "./read-settings.ts";

const idSchema = z.object({ id: z.number() });

/** Those of CODEOWNERS whom GitHub knows, and the others by name: a line that names nobody protects nothing. */
export async function resolveReviewers(
  ask: AskGithub,
  names: readonly string[],
): Promise<{ readonly reviewers: readonly Reviewer[]; readonly deeds: readonly Deed[] }> {
  const reviewers: Reviewer[] = [];
  const deeds: Deed[] = [];
  for (const name of names) {
    const [, organization, slug] = /^@([\w.-]+)\/([\w.-]+)$/.exec(name) ?? [];
    const user = /^@([\w.-]+)$/.exec(name)?.[1];
    // An address is somebody's, and whose, GitHub does not tell.
    if (organization === undefined && user === undefined) continue;
    const path = organization === undefined ? `/users/${user}` : `/orgs/${organization}/teams/${slug}`;
    try {
      const { id } = await ask({ path, elsewhere: true }, idSchema);
      reviewers.push({ type: organization === undefined ? "User" : "Team", id, name: slug ?? user ?? name });
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      const next = "Put in your own team or name (.github/CODEOWNERS), and commit it.";
      const note =
        error.code === "github-refused" ? `GitHub does not show it to this token, or has none. ${next}` : error.message;
      deeds.push({ where: "CODEOWNERS", what: name, outcome: "refused", note });
    }
  }
  return { reviewers, deeds };
}
