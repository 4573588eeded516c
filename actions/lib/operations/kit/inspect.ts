import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf, few, formatDay } from "../../base/measures.ts";
import type { Config } from "../../config/load.ts";
import type { Trouble } from "../../policy/monitor/vault.ts";
import { inspectReplica } from "../../vault/bucket/replication.ts";
import {
  hashOf,
  type Kit,
  kitIndex,
  kitPrefix,
  listKits,
  type OpenedKit,
  openKit,
  readKitTar,
} from "../../vault/kits.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { pinnedFingerprints, versionFiles } from "./contents.ts";

/** Something that is wrong with a kit, by a name of its own. */
export interface KitFinding extends Trouble {
  readonly name: string;
}

/** What a kit is held against. */
export interface KitWorld {
  readonly vault: Vault;
  readonly files: Vault | undefined;
  readonly replica: Vault | undefined;
  readonly verify: VerifySignature;
  readonly config: Pick<Config, "policy">;
  readonly now: Date;
  /** Folders of sets that a trusted key has signed, and that were there at a time. */
  readonly there: (before: Date) => Promise<readonly string[]>;
  /** Asks for every file of keys, too, whether it was written again since: one request each. */
  readonly deep: boolean;
}

/** One is made each month; the schedule has seven attempts a day. */
const mostDays = 40;
const day = 86_400_000;
/** What was being published while a kit was made is not expected in it. */
const underWayMillis = 3_600_000;
const again =
  "Start the workflow backup by its button, which makes a kit when the month has none that is good, or run `lifeboat kit build`.";

export interface Inspected {
  /** The newest that a trusted key has signed; null: none. */
  readonly kit: Kit | null;
  readonly findings: readonly KitFinding[];
}

/** The newest kit of the vault, and everything that is wrong with it. @throws LifeboatError when the vault cannot be asked */
export async function inspectNewest(world: KitWorld): Promise<Inspected> {
  const findings: KitFinding[] = [];
  for await (const one of listKits(world.vault, world.verify)) {
    if ("document" in one) {
      const opened = await openKit(await readKitTar(world.vault, one.document), world.verify, one.document);
      findings.push(...(await judge(one.document, opened, world)), ...(await replicated(one.document, world)));
      return { kit: one.document, findings };
    }
    const next =
      "Find out who wrote it (CloudTrail), then runbooks/vault-meddled.md. Older kits are used in its place.";
    findings.push({ name: "kit-untrusted", state: "critical", found: `rescue kit ${one.kit}: ${one.problem}`, next });
  }
  const found = "there is no rescue kit that a signing key has signed";
  return { kit: null, findings: [...findings, { name: "kit-missing", state: "critical", found, next: again }] };
}

/** The same of a file. What it was made of is in it; that the vault has a newer one is for the person to say. */
export async function inspectFile(tar: Uint8Array, world: KitWorld): Promise<Inspected> {
  const opened = await openKit(tar, world.verify);
  const hash = hashOf(opened.files.get(kitIndex) ?? Buffer.alloc(0));
  for await (const one of listKits(world.vault, world.verify)) {
    if (!("document" in one) || one.document.contents !== hash) continue;
    return { kit: one.document, findings: await judge(one.document, opened, world) };
  }
  const found = "the vault has no kit of the same contents: how old it is, and which keys it lacks, cannot be told";
  const next = "Write a new one with `lifeboat kit fetch --out FILE`.";
  const findings = [...whole(opened), { name: "kit-unknown", state: "warning" as const, found, next }];
  return { kit: null, findings };
}

function whole({ problems }: OpenedKit): KitFinding[] {
  if (problems.length === 0) return [];
  const more = problems.length > 1 ? ` And ${countOf(problems.length - 1, "more problem")}.` : "";
  return [
    {
      name: "kit-not-whole",
      state: "critical",
      found: `the rescue kit is not whole: ${problems[0]}.${more}`,
      next: again,
    },
  ];
}

async function judge(kit: Kit, opened: OpenedKit, world: KitWorld): Promise<KitFinding[]> {
  const { config, now } = world;
  const broken = whole(opened);
  if (broken.length > 0) return broken;
  const findings: KitFinding[] = [];
  const say = (name: string, state: KitFinding["state"], found: string): void => {
    findings.push({ name, state, found, next: again });
  };
  const age = (now.getTime() - Date.parse(kit.madeAt)) / day;
  const of = `the rescue kit of ${formatDay(Date.parse(kit.madeAt))}`;
  if (age > mostDays) say("kit-old", "warning", `${of} is ${Math.floor(age)} days old; one is made each month`);
  const newer = pinnedFingerprints(config).filter((key) => !kit.keys.includes(key));
  if (newer.length > 0)
    say(
      "kit-before-key",
      "critical",
      `${of} is older than ${countOf(newer.length, "key")} of the policy (${few(newer, 2)})`,
    );
  const has = new Set(kit.folders);
  const lacking = (await world.there(new Date(Date.parse(kit.madeAt) - underWayMillis))).filter((one) => !has.has(one));
  if (lacking.length > 0)
    say(
      "kit-lacks-keys",
      "critical",
      `${of} lacks the keys of ${countOf(lacking.length, "set")} that was there before it (${few(lacking, 3)})`,
    );
  const former = await rewrapped(kit, opened, world);
  if (former.length > 0)
    say(
      "kit-keys-former",
      "warning",
      `${of} has the keys of ${countOf(former.length, "set")} as they were before somebody resealed them (${few(former, 3)})`,
    );
  const other = [...versionFiles()].filter(([name, bytes]) => !opened.files.get(name)?.equals(bytes));
  if (other.length > 0)
    say(
      "kit-other-version",
      "warning",
      `${of} was made by another version of Lifeboat: ${few(other.map(([name]) => name))} ${other.length === 1 ? "has" : "have"} changed since`,
    );
  return findings;
}

/** Sets whose keys were written again since: what opens the kit's copies may be a key that somebody has lost, or stolen. */
async function rewrapped(kit: Kit, { files: has }: OpenedKit, { vault, files, deep }: KitWorld): Promise<string[]> {
  if (!deep) return [];
  const names = [...has.keys()].flatMap((name) => (/^keys\/.*\.pgp$/.test(name) ? name.slice("keys/".length) : []));
  const later = await mapBounded(names, 24, async (key) => {
    const head = await (key.startsWith("snapshots/") ? files : vault)?.head(key);
    return head?.lastModified !== undefined && head.lastModified.getTime() > Date.parse(kit.madeAt) ? [key] : [];
  });
  return later.flat();
}

async function replicated({ kit }: Kit, { vault, replica, config }: KitWorld): Promise<KitFinding[]> {
  if (replica === undefined) return [];
  const watched = [{ what: `the rescue kit ${kit}`, vault, prefixes: [kitPrefix(kit)] }];
  const alarms = await inspectReplica(replica, watched, config.policy.replica);
  const next = "See runbooks/replica.md.";
  return alarms.map((found) => ({ name: "kit-not-in-replica", state: "critical", found, next }));
}
