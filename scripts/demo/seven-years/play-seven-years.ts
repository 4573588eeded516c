import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countOf, formatCount } from "../../../actions/lib/base/measures.ts";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import type { Decision } from "../../../actions/lib/policy/retention.ts";
import { openVault } from "../../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { openStoreOfYears } from "../../../test/lab/retention/store-of-years.ts";
import { startGuardian } from "../../../test/lab/servers/guardian.ts";
import { startS3 } from "../../../test/lab/servers/s3.ts";
import { Acts } from "../acts.ts";
import { becomeOwner, bucket } from "../owner.ts";
import { runLifeboat } from "../run-lifeboat.ts";
import { laySets } from "./lay-sets.ts";
import { writePicture } from "./page.ts";
import { type Story, tellStory } from "./story.ts";

/**
 * Seven years of a vault: 2,557 days with the policy's terms, in seconds, by retention's real plan and loop over a vault that is
 * only thought; then what it has on the last day as real objects, and `lifeboat retention` over them.
 * @param opened told of everything that must be ended, the folder first @param folder where the picture goes
 * @returns what there is to say at last; not `agreed` where the real run did something else than the story
 */
export async function playSevenYears(
  opened: (end: () => Promise<void>) => void,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly agreed: boolean; readonly lines: readonly string[] }> {
  const acts = new Acts(signal);
  const home = startGuardian("demo");
  opened(() => home.finish());
  const { s3, owner } = await acts.act("start a store that seems to be seven years old", async () => {
    const s3 = await startS3();
    opened(() => s3.stop());
    await s3.createBucket(bucket);
    const years = await openStoreOfYears(s3.endpoint);
    opened(() => years.close());
    return { s3, owner: await becomeOwner(home.folder, { ...s3, endpoint: years.url }) };
  });
  const { S3_STORAGE_BUCKET: _, ...settings } = owner.settings;
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", TMPDIR: home.folder, ...settings };
  const { policy } = await loadConfig({ needs: ["vault"], env });

  const story = await acts.act("live through 2,557 days", () => tellStory(lastNight(), policy));
  acts.tell(`${formatCount(story.sets.length)} sets were made, retention ran ${story.runs} times`);
  const names = await acts.act("lay what is left of them into the store", async () => {
    using vault = openVault(s3.bucketAccess(bucket));
    const secret = (name: string): string => readFileSync(join(home.folder, "private-keys", name), "utf8").trim();
    return laySets(vault, story.world, {
      signing: [secret("signing.private.asc"), secret("signing.passphrase")],
      prover: [secret("prover.private.asc"), secret("prover.passphrase")],
    });
  });
  acts.tell(`${countOf(names.size, "set")} are there`);
  for (const set of story.world.sets.filter(({ held }) => held))
    await acts.act("lifeboat hold, for an appeal against an exam", () =>
      // SeaweedFS keeps no legal hold, and the command says so; retention reads the vault's register of holds.
      runLifeboat(["hold", names.get(set.name) ?? "", "--reason", "appeal against an exam"], {
        ...{ env, signal, fine: [0, 1] },
      }),
    );
  const told = await acts.act("lifeboat retention", () => runLifeboat(["retention", "--json"], { env, signal }));
  const decisions = (JSON.parse(told) as { database: { decisions: Decision[] } }).database.decisions;
  const left = await acts.act("look what is left", async () => {
    using vault = openVault(s3.bucketAccess(bucket));
    const keys = (await versionsBelow(vault.transport, "database/")).map(({ key }) => key);
    return new Set(keys.flatMap((key) => key.split("/")[2] ?? []));
  });
  const other = differing(story, names, decisions, left);
  const picture = await acts.act("draw it", async () => writePicture(story, folder));
  return {
    agreed: other.length === 0 && story.broken.length === 0,
    lines: [
      ...acts.summary(),
      "",
      ...other.map((line) => `not as in the story: ${line}`),
      `Of ${formatCount(story.sets.length)} sets in seven years ${formatCount(left.size)} are left in the store; \`lifeboat retention\` removed ${decisions.filter(({ keep }) => !keep).length} of them now, all as in the story.`,
      `What is kept, and why: ${picture}`,
    ].filter((line) => other.length === 0 || !line.includes("all as in the story")),
  };
}

/** The last time that it was 02:00 UTC: when the last daily set was made. */
function lastNight(): number {
  const hours = 3_600_000;
  return Math.floor((Date.now() - 2 * hours) / (24 * hours)) * 24 * hours + 2 * hours;
}

/** Where the real run decided something else than the story's plan, or left something else. */
function differing(
  { plan }: Story,
  names: ReadonlyMap<string, string>,
  decisions: readonly Decision[],
  left: ReadonlySet<string>,
): string[] {
  const real = new Map(decisions.map((one) => [one.set, one]));
  return plan.decisions.flatMap(({ set: name, keep, why }) => {
    const set = names.get(name) ?? name;
    const decided = real.get(set);
    const same = decided?.keep === keep && left.has(set) === keep;
    return same ? [] : [`${set}: ${keep ? "stays" : "goes"} (${why}); really: ${decided?.why ?? "not decided"}`];
  });
}
