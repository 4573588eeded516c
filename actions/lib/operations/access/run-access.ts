import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import {
  accessDifference,
  environmentNames,
  type Grant,
  grantsOfCollaborators,
  grantsOfEnvironments,
  grantsOfKeys,
  grantsOfRoles,
  type HeldKey,
} from "../../policy/access/access.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { type AskGithub, githubAsker, githubSettings, readEnvironments } from "../provision/github/read-settings.ts";

const grantSchema = z.object({
  can: z.enum(["open", "restore", "remove", "unlock", "approve", "sign", "administer", "change", "read"]),
  ...{ who: z.string(), by: z.string() },
});
const resultSchema = z.object({ at: z.iso.datetime(), grants: z.array(grantSchema) });

const collaboratorsSchema = z.array(z.object({ login: z.string(), role_name: z.string() }));

/** Everybody who can do something, as far as it can be asked now. */
export async function runAccess(context: Context, since: string | undefined): Promise<Told> {
  const before = since === undefined ? undefined : await readEarlier(since);
  const unknown: string[] = [];
  const asked = async (what: string, ask: () => Promise<Grant[]>): Promise<Grant[]> => {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      unknown.push(`${what}: ${error.message}${error.next === undefined ? "" : ` ${error.next}`}`);
      return [];
    }
  };
  const github = (): AskGithub =>
    githubAsker(
      githubSettings(context.env),
      "Give a token that may read the repository's administration and Actions as GITHUB_TOKEN.",
    );
  const grants = [
    ...grantsOfKeys(await heldKeys(context)),
    ...(await asked("GitHub's environments", async () =>
      grantsOfEnvironments(await readEnvironments(github(), environmentNames)),
    )),
    ...(await asked("the repository's collaborators", async () =>
      grantsOfCollaborators(await readCollaborators(github())),
    )),
    ...grantsOfRoles(),
  ];
  const result = { at: new Date().toISOString(), grants, unknown };
  const difference = before && accessDifference(before.grants, grants);
  const rows = (some: readonly Grant[]) => some.map(({ can, who, by }) => [can, who, by]);
  const header = ["can", "who", "by"];
  const changed =
    difference === undefined
      ? ""
      : ` Since ${before?.at.slice(0, 10)}: ${difference.added.length} given, ${difference.removed.length} taken.`;
  return {
    result: { ...result, ...(difference && { since: before?.at, ...difference }) },
    page: {
      title: "Access",
      sentence: `${countOf(grants.length, "grant")}.${changed}${unknown.length === 0 ? "" : ` ${countOf(unknown.length, "source")} could not be asked.`}`,
      tables: [
        ...(difference === undefined
          ? []
          : [
              { title: "Given since", header, rows: rows(difference.added) },
              { title: "Taken since", header, rows: rows(difference.removed) },
            ]),
        { title: "As of now", header, rows: rows(grants) },
      ],
      notes: unknown.map((one) => `Not known: ${one}`),
    },
  };
}

async function heldKeys(context: Context): Promise<HeldKey[]> {
  const { policy, publicKeys } = context.config();
  const { recipients, signers } = await readKeyring(publicKeys.armored);
  const names = new Map([...recipients, ...signers].map(({ fingerprint, userId }) => [fingerprint, userId]));
  const of = (role: HeldKey["role"], fingerprint: string | null): HeldKey[] =>
    fingerprint === null ? [] : [{ role, fingerprint, name: names.get(fingerprint) ?? null }];
  const { operations, prover, escrow } = policy.keys.recipients;
  return [
    ...of("operations", operations),
    ...of("prover", prover),
    ...of("escrow", escrow),
    ...policy.keys.signing.flatMap((pin) => of("signing", pin)),
  ];
}

/** Those with a right of their own, and by a team or the organization. */
async function readCollaborators(ask: AskGithub) {
  const all: z.infer<typeof collaboratorsSchema> = [];
  for (let page = 1; ; page++) {
    const listed = await ask({ path: `/collaborators?affiliation=all&per_page=100&page=${page}` }, collaboratorsSchema);
    all.push(...listed);
    if (listed.length < 100) return all.map(({ login, role_name: role }) => ({ login, role }));
  }
}

async function readEarlier(file: string): Promise<z.infer<typeof resultSchema>> {
  try {
    return resultSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    throw new ConfigurationError(
      "access-unreadable",
      `${file} is no earlier result of this command.`,
      "Give what `lifeboat access --json` has printed.",
    );
  }
}
