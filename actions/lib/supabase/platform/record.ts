import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { readInventory } from "../../postgres/inventory/read.ts";
import { type BaselineFile, baselineFileSchema, emptyBaseline, renderBaseline, withSnapshot } from "./baseline-file.ts";
import { type Fact, factsOf } from "./fact.ts";
import { readVersions } from "./platform.ts";

/**
 * Adds what a new project has to the recorded states in `folder`, one file a component. The project has to be as it was
 * made: what it holds counts as the platform's from then on.
 *
 * @param label for people: which project, which release
 * @returns how many facts, by component
 */
export async function recordNewProject(client: Client, folder: string, label: string): Promise<Map<string, number>> {
  const inventory = await readInventory(client);
  const versions = await readVersions(client);
  mkdirSync(folder, { recursive: true });
  const counts = new Map<string, number>();
  for (const [component, facts] of byComponent(factsOf(inventory))) {
    const path = join(folder, `${component}.json`);
    const snapshot = { major: inventory.serverMajor, version: versions.get(component) ?? null, label };
    writeFileSync(path, renderBaseline(withSnapshot(read(path, component), snapshot, facts)));
    counts.set(component, facts.length);
  }
  return counts;
}

function byComponent(facts: readonly Fact[]): Map<string, Fact[]> {
  return Map.groupBy(facts, (fact) => fact.component);
}

function read(path: string, component: string): BaselineFile {
  return existsSync(path) ? baselineFileSchema.parse(JSON.parse(readFileSync(path, "utf8"))) : emptyBaseline(component);
}
