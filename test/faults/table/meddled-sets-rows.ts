import type { MeddledSets, MeddledSetsRow } from "./meddled-sets-scene.ts";
import type { Outcome } from "./row.ts";

const manifest = "manifest.json";
const published = "published, then failed by name";

function row(
  stage: MeddledSetsRow["stage"],
  kind: string,
  inject: (sets: MeddledSets) => Promise<void>,
  outcome: Outcome,
  code?: string,
): MeddledSetsRow {
  return { kind, stage, outcome, inject, holder: "writes the bucket", ...(code !== undefined && { code }) };
}

const newest = ({ prefixes }: MeddledSets): string => prefixes.at(-1) ?? "";
const oldest = ({ prefixes }: MeddledSets): string => prefixes[0] ?? "";

async function hideNewest(sets: MeddledSets): Promise<void> {
  for (const prefix of sets.prefixes.slice(1)) await sets.hide(prefix + manifest);
}

export const meddledSetsRows: readonly MeddledSetsRow[] = [
  row("verify latest", "delete markers over the newest manifests", hideNewest, "failed by name", "set-hidden"),
  row("verify by id", "delete markers over the newest manifests", hideNewest, "failed by name", "set-hidden"),
  row(
    "verify latest",
    "all of the newest set lies under delete markers",
    (sets) => sets.hideAll(newest(sets)),
    "failed by name",
    "set-hidden",
  ),
  row(
    "verify latest",
    "more delete markers over a manifest than a page holds",
    (sets) => sets.hide(newest(sets) + manifest, 1010),
    "failed by name",
    "set-hidden",
  ),
  row(
    "verify latest",
    "the newest manifest is written again",
    (sets) => sets.replace(newest(sets) + manifest),
    "failed by name",
    "manifest-untrusted",
  ),
  row("list", "delete markers over the newest manifests", hideNewest, "damage named"),
  row("list", "the oldest manifest is written again", (sets) => sets.replace(oldest(sets) + manifest), "damage named"),
  row("restore test", "delete markers over the newest manifests", hideNewest, "failed by name", "set-hidden"),
  row("backup", "delete markers over the newest manifests", hideNewest, published, "vault-meddled"),
  row(
    "backup",
    "all of the oldest set lies under delete markers",
    (sets) => sets.hideAll(oldest(sets)),
    published,
    "vault-meddled",
  ),
  row(
    "backup",
    "the signed manifest of an older set lies over a newer one",
    async (sets) => sets.replace(newest(sets) + manifest, (await sets.vault.get(oldest(sets) + manifest)).body),
    published,
    "vault-meddled",
  ),
  row(
    "backup",
    "an unfinished set lies under delete markers",
    async (sets) => {
      const unfinished = "database/daily/20260101T000000Z-0000abcd/";
      await sets.put(`${unfinished}keys.pgp`, Buffer.from("keys"));
      await sets.hide(`${unfinished}keys.pgp`);
    },
    published,
    "vault-meddled",
  ),
  row(
    "backup",
    "a delete marker makes a lease look free that somebody holds",
    async (sets) => {
      const key = "leases/backup-database.json";
      const before = JSON.parse(Buffer.from((await sets.vault.get(key)).body).toString("utf8"));
      const elsewhere = { ...before.process, host: "another" };
      const held = { ...before, state: "held", ttlSeconds: 600, process: elsewhere };
      await sets.put(key, Buffer.from(JSON.stringify(held)));
      await sets.hide(key);
    },
    "refused before writing",
    "lease-held",
  ),
];
