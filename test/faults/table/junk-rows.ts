import { setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { setId } from "../proxy/test-manifest.ts";
import type { Junk, JunkRow, Searcher } from "./junk-scene.ts";
import type { Outcome } from "./row.ts";

/** Of the folders without a manifest; 10000 takes minutes. */
const folders = Number(process.env["LIFEBOAT_JUNK_FOLDERS"] ?? 1500);
/** By pages of a thousand, not one folder at a time. */
const pages = 60 + folders / 100;

const row = (
  stage: Searcher,
  kind: string,
  requests: number,
  inject: (junk: Junk) => Promise<void> = async () => {},
  outcome: Outcome = "success",
): JunkRow => ({ ...{ stage, kind, requests, inject, outcome }, holder: "writes the bucket" });

const unsigned = "proofs and reports that nobody signed";
const newer = "folders named like sets, newer than ours";
const signed = "manifests with what is no signature, and some without any";

/** Two hundred manifests, of which half have something called a signature. */
async function manifests({ lay }: Junk): Promise<void> {
  const ids = Array.from({ length: 200 }, () => setPrefix("weekly", setId(3)));
  await lay(200, (index) => `${ids[index]}manifest.json`);
  await lay(100, (index) => `${ids[index]}manifest.json.sig`);
}

/** More than anybody reads through: each has a signature that is rightly made, by a key that nobody trusts. */
async function forged({ lay, sign }: Junk): Promise<void> {
  const count = 1100;
  const ids = Array.from({ length: count }, () => setPrefix("monthly", setId(5)));
  const signature = await sign(Buffer.from("{}"));
  await lay(count, (index) => `${ids[index]}manifest.json`);
  await lay(count, (index) => `${ids[index]}manifest.json.sig`, signature);
}

export const junkRows: readonly JunkRow[] = [
  row("latest", newer, pages, ({ lay }) => lay(folders, () => `${setPrefix("daily", setId(2))}junk`)),
  row("newest trusted", newer, pages),
  row("proofs", unsigned, 5, ({ lay, set }) => lay(300, (index) => `proofs/${set}/${setId(index)}.json`)),
  row("reports", unsigned, 5, ({ lay }) => lay(300, (index) => `reports/2026/11/24/junk-${index}.json`)),
  // A few are cleared away in each backup.
  row("backup's clean-up", newer, pages + 3 * 20),
  row("newest trusted", signed, pages + 2 * 101 + 32, manifests),
  row("newest trusted", "a thousand manifests that a stranger signed", pages + 2 * 1400, forged, "damage named"),
];
