import { terminalAsker } from "../../../base/ask.ts";
import { countOf } from "../../../base/measures.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { bringRepository, type Provisioning } from "./bring-repository.ts";
import { checkGithub } from "./check-github.ts";
import { driftTable, githubTold } from "./page.ts";
import { openRepository } from "./repository.ts";

export interface GithubRequested extends Pick<Provisioning, "dryRun"> {
  /** owner/name; undefined: GITHUB_REPOSITORY, or what `origin` of the checkout says. */
  readonly repository?: string | undefined;
  /** Folder of the private keys; undefined: those that GitHub has stay. */
  readonly keys?: string | undefined;
}

/** Who is asked, beside GitHub. */
interface Asked {
  readonly asker?: Provisioning["asker"];
  /** Tells the ARN of the AWS role by environment. */
  readonly rolesOf: (context: Context) => Promise<Provisioning["roles"]>;
}

/** `lifeboat provision github`: brings the repository to what the workflows need, then asks what is really enforced. */
export async function provisionGithub(
  context: Context,
  { repository, keys, dryRun }: GithubRequested,
  { asker = terminalAsker(), rolesOf }: Asked,
): Promise<Told> {
  const opened = await openRepository(context, repository);
  const roles = await rolesOf(context);
  const deeds = await bringRepository(context, opened, { keys, dryRun, roles, asker });
  // Asked again: what was sent is not what holds.
  const truth = dryRun ? undefined : await checkGithub(context, await openRepository(context, opened.name));
  return githubTold(opened.name, deeds, truth, dryRun);
}

/** The same questions alone: what GitHub has and enforces, property by property. Exit code 1: something is not as it should be. */
export async function checkGithubSettings(context: Context, repository: string | undefined): Promise<Told> {
  const opened = await openRepository(context, repository);
  const truth = await checkGithub(context, opened);
  const differ = countOf(truth.drifts.length, "property differs", "properties differ");
  const sentence =
    truth.drifts.length === 0
      ? `All ${truth.looked} settings of ${opened.name} that were looked at are as they should be.`
      : `${differ} of ${truth.looked} that were looked at.`;
  return {
    result: { repository: opened.name, ...truth },
    page: { title: `GitHub: ${opened.name}`, sentence, tables: [driftTable(truth.drifts)], notes: truth.unenforced },
    exitCode: truth.drifts.length === 0 ? 0 : 1,
  };
}
