import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { loginsSince } from "../../restore/gate/admit.ts";
import { stateOf } from "../../restore/target/journal.ts";
import { inspectTarget } from "../../target/target.ts";
import {
  type Baseline,
  countRows,
  type Facts,
  type LeftBehind,
  type Marker,
  readBaseline,
  readMarker,
  takeable,
} from "./marker.ts";

/**
 * Refuses staging that somebody has used since Lifeboat last had it in hand, whatever its marker says.
 *
 * @param died the inventory of the set whose test died, where it can be read
 * @throws ConfigurationError `staging-in-use` with names
 */
export async function refuseUsed(
  client: Client,
  marker: Marker,
  died: (set: string) => Promise<Inventory | undefined> = async () => undefined,
): Promise<void> {
  const [facts, baseline] = [await inspectTarget(client, 0), await readBaseline(client)];
  const set = marker.state === "testing" && marker.set !== null ? await died(marker.set) : undefined;
  const lines =
    marker.state === "testing"
      ? [
          ...(await loginsSince(client, facts.inventory, await secondsSinceNoted(client))),
          ...strangers(facts, baseline, set),
        ]
      : await changesSince(client, marker.left ?? asMarked(marker, facts, baseline), facts, baseline);
  if (lines.length === 0) return;
  const rest = lines.length > shown ? ` and ${countOf(lines.length - shown, "thing")} more` : "";
  throw new ConfigurationError(
    "staging-in-use",
    `The project bears the marker of staging, but somebody has used it since: ${lines.slice(0, shown).join("; ")}${rest}. Nothing has been touched.`,
    "Is it live by now? Then take the marker away: drop schema lifeboat_staging cascade. Is it staging? Then empty it by hand, or make a new project, and mark it again.",
  );
}

const shown = 12;

/** By the database's clock, and at this very moment: reading a large set's inventory has taken a while. */
async function secondsSinceNoted(client: Client): Promise<number> {
  return (await readMarker(client))?.ageSeconds ?? 0;
}

/** Markers of older versions say nothing of what was left. An empty one was as it had been when it was marked. */
function asMarked(marker: Marker, { supabase }: Facts, { inventory }: Baseline): LeftBehind | undefined {
  if (marker.state !== "empty") return undefined;
  return { state: stateOf(takeable({ inventory, supabase })), rows: {}, transaction: "0" };
}

async function changesSince(
  client: Client,
  left: LeftBehind | undefined,
  facts: Facts,
  baseline: Baseline,
): Promise<string[]> {
  if (left === undefined) return ["what an older version of Lifeboat left there is not known"];
  const now = stateOf(takeable(facts));
  const lines: string[] = [];
  for (const [key, digest] of Object.entries(now.objects)) {
    if (!(key in left.state.objects)) lines.push(`${key} was made`);
    else if (left.state.objects[key] !== digest) lines.push(`${key} was changed`);
  }
  for (const key of Object.keys(left.state.objects)) if (!(key in now.objects)) lines.push(`${key} was dropped`);
  for (const [name, { lastValue }] of Object.entries(now.sequences)) {
    const before = left.state.sequences[name];
    if (before !== undefined && before.lastValue !== lastValue) lines.push(`sequence ${name} was moved`);
  }
  for (const [name, { all, newer }] of await countRows(client, facts.inventory, left.transaction)) {
    if (baseline.filled.includes(name)) continue;
    const before = left.rows[name] ?? "0";
    if (newer !== "0" && (left.transaction !== "0" || before !== all)) lines.push(`rows of ${name} were written`);
    else if (before !== all) lines.push(`rows of ${name} were ${BigInt(before) > BigInt(all) ? "deleted" : "written"}`);
  }
  return lines;
}

/** Objects that neither the project had when it was marked nor the set that was being tested. */
function strangers(facts: Facts, baseline: Baseline, died: Inventory | undefined): string[] {
  if (died === undefined) return [];
  const known = new Set([...Object.keys(stateOf(baseline.inventory).objects), ...Object.keys(stateOf(died).objects)]);
  return Object.keys(stateOf(takeable(facts)).objects)
    .filter((key) => !known.has(key) && !key.startsWith("default acl "))
    .map((key) => `${key} was made`);
}
