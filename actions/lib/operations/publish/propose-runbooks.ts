import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { provenBy } from "../../vault/configured.ts";
import type { Proof } from "../../vault/format/proof.ts";
import { readProofs } from "../../vault/sets/proof-store.ts";
import type { Context } from "../context.ts";
import { drillsOf } from "../drill/result.ts";
import { type ProvenDrill, runbookOf, withDrill } from "../drill/runbook-text.ts";
import { askGithub, type GithubSettings, isUnknownToGithub } from "./github-history.ts";

const fileSchema = z.object({ sha: z.string(), content: z.string(), encoding: z.literal("base64") });
const refSchema = z.object({ object: z.object({ sha: z.string() }) });
const pullsSchema = z.array(z.object({ number: z.number(), state: z.string(), html_url: z.string() }));

const main = "main";

interface Job extends Pick<GithubSettings, "api"> {
  readonly token: string | undefined;
  readonly repository: string | undefined;
}

/**
 * Proposes, by one pull request a drill, what the newest drill of each scenario measured for that scenario's runbook. Main is never
 * written. A pull request that somebody has closed is not opened again; in one that is open nothing but the drill's own part is written.
 *
 * @returns what was proposed, or why it could not be, in words: it keeps no report from being committed
 */
export async function proposeRunbooks(context: Context, { api, token, repository }: Job): Promise<string[]> {
  if (token === undefined || repository === undefined || !context.has("vault")) return [];
  try {
    const { proofs } = await readProofs(await context.vault(), await provenBy(context.config()));
    return await proposeAll(
      { api, token, repository },
      proofs.map(({ proof }) => proof),
    );
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [
      `What drills measured could not be proposed for their runbooks: ${error.message} ${error.next ?? ""}`.trim(),
    ];
  }
}

/** @throws OperationError `github-unavailable` */
async function proposeAll(settings: GithubSettings, proofs: readonly Proof[]): Promise<string[]> {
  const ask = asking(settings);
  const told: string[] = [];
  for (const [, ofScenario] of Map.groupBy(drillsOf(proofs), ({ drill }) => drill.scenario)) {
    const [newest, before] = ofScenario.toReversed();
    if (newest === undefined) continue;
    const said = await propose(ask, settings.repository, newest, before);
    if (said !== undefined) told.push(said);
  }
  return told;
}

type Ask = <Answer>(
  method: string,
  path: string,
  schema: z.ZodType<Answer>,
  body?: object,
) => Promise<Answer | undefined>;

/** @returns what there is to say of it; undefined: nothing */
async function propose(
  ask: Ask,
  repository: string,
  newest: ProvenDrill,
  before: ProvenDrill | undefined,
): Promise<string | undefined> {
  const path = runbookOf(newest.drill.scenario);
  const branch = `drill/${newest.proof}`;
  const read = (ref: string) => ask("GET", `/contents/${path}?ref=${encodeURIComponent(ref)}`, fileSchema);
  const onMain = await read(main);
  if (onMain === undefined) return undefined;
  const wanted = withDrill(textOf(onMain), newest, before);
  if (wanted === undefined)
    return `${path} has lost the marks of the drill's part: what the drill ${newest.proof} measured cannot be proposed for it.`;
  if (wanted === textOf(onMain)) return undefined;
  const proposed = (url: string): string =>
    `What the drill ${newest.drill.scenario} measured is proposed for its runbook: ${url}`;
  const owner = repository.split("/")[0] ?? "";
  const head = encodeURIComponent(`${owner}:${branch}`);
  const [pull] = (await ask("GET", `/pulls?state=all&head=${head}&base=${main}`, pullsSchema)) ?? [];
  if (pull !== undefined && pull.state !== "open") return undefined;
  let onBranch = await read(branch);
  if (onBranch === undefined) {
    const at = await ask("GET", `/git/ref/heads/${main}`, refSchema);
    await ask("POST", "/git/refs", z.unknown(), { ref: `refs/heads/${branch}`, sha: at?.object.sha });
    onBranch = onMain;
  }
  // What somebody has corrected there stays: that is what the pull request asks for. What main has since comes with the merge.
  const text = withDrill(textOf(onBranch), newest, before) ?? textOf(onBranch);
  if (textOf(onBranch) !== text) {
    const message = `Note in ${path} what the drill of ${newest.finishedAt.slice(0, 10)} measured`;
    const content = Buffer.from(text).toString("base64");
    await ask("PUT", `/contents/${path}`, z.unknown(), { message, content, sha: onBranch.sha, branch });
  }
  if (pull !== undefined) return proposed(pull.html_url);
  const opened = await ask("POST", "/pulls", pullsSchema.element, {
    title: titleOf(newest),
    head: branch,
    base: main,
    body: bodyOf(newest),
  });
  return opened && proposed(opened.html_url);
}

function titleOf({ drill, outcome }: ProvenDrill): string {
  return `Runbook ${drill.scenario}: ${outcome === "proven" ? "what the drill measured" : "the drill FAILED"}`;
}

function bodyOf({ proof, drill, outcome }: ProvenDrill): string {
  return [
    `The drill \`${proof}\` played \`${drill.scenario}\` ${outcome === "proven" ? "and went well" : "and failed: see runbooks/drill-failed.md"}.`,
    "",
    "Read the page as somebody who is woken at night would, and correct what the drill has shown to be otherwise, in this branch.",
    "Do the same for the pages that it leads to, runbooks/contacts.md among them, and date their review.",
    outcome === "proven"
      ? "Merging it dates the page's review."
      : "The page's review stays due until a drill goes well.",
  ].join("\n");
}

function textOf({ content }: z.output<typeof fileSchema>): string {
  return Buffer.from(content, "base64").toString("utf8");
}

function asking(settings: GithubSettings): Ask {
  const send = askGithub(settings);
  return async (method, path, schema, body = {}) => {
    try {
      return await send({ method, path, body }, schema, (status, cause) => refused(method, path, status, cause));
    } catch (error) {
      if (method === "GET" && isUnknownToGithub(error)) return undefined;
      throw error;
    }
  };
}

function refused(method: string, path: string, status: number | undefined, cause: unknown): OperationError {
  return new OperationError(
    "github-unavailable",
    `GitHub did not take ${method} ${path.split("?")[0]}${status === undefined ? "" : ` (status ${status})`}.`,
    "The job needs `contents: write` and `pull-requests: write`; and Settings, Actions, General has to let Actions create pull requests.",
    cause,
  );
}
