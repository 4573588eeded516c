import { countOf } from "../../base/measures.ts";
import type { CapturedField, SectionName } from "../../supabase/configuration/document.ts";
import { carryFunctions } from "./functions.ts";
import { carrySigningKeys, compareRootKey } from "./keys.ts";
import { type Carrying, type Row, rowOf } from "./row.ts";
import { carryProviders, carrySecrets } from "./secrets.ts";
import { carrySettings, type Settings } from "./settings.ts";

export type { Carrying, Row } from "./row.ts";

/** Parts in the order in which they are put back: a function finds its secrets there when it is deployed. */
const order: readonly SectionName[] = [
  ...(["project", "addons", "disk", "autoscale", "entitlements", "domain"] as const),
  ...(["postgres", "ssl", "pooler", "postgrest", "realtime", "storage"] as const),
  ...(["signing-keys", "auth", "sign-in-providers", "vault", "secrets", "functions", "network"] as const),
];

/**
 * Puts a project's configuration back into another project: everything that the API takes, each read back, and a row for everything
 * that the set knows of, whatever became of it. Run again it finds what is there: it may be killed at any moment. What goes out to
 * people, or locks somebody out, stays as it is until `goLive`.
 *
 * @throws OperationError when the API gives no answer; what `bodyOf` throws
 */
export async function carryConfiguration(work: Carrying): Promise<Row[]> {
  const { configuration, log } = work;
  const rows: Row[] = [];
  for (const section of order) {
    const fields = configuration.fields.filter((one) => one.section === section);
    const { missing } = configuration.sections.find((one) => one.section === section) ?? {};
    if (missing !== undefined)
      rows.push(rowOf(section, "all of it", "listed", `the set does not have it: ${missing}`, byHand));
    const became = await carryPart(work, section, fields);
    if (became.length > 0) log.debug(`${section}: ${summaryOf(became)}`);
    rows.push(...became);
  }
  log.info(`The configuration: ${summaryOf(rows)}.`);
  return rows;
}

const byHand = "Compare it with what you know of the lost project (dashboard).";

async function carryPart(work: Carrying, section: SectionName, fields: readonly CapturedField[]): Promise<Row[]> {
  switch (section) {
    case "functions":
      return [
        ...(await carryFunctions(work)),
        ...fields.map((one) =>
          rowOf(
            "functions",
            one.field,
            "listed",
            "missing" in one ? one.missing : undefined,
            "Deploy it from its sources.",
          ),
        ),
      ];
    case "signing-keys":
      return carrySigningKeys(work, fields);
    case "sign-in-providers":
      return carryProviders(work, fields);
    case "secrets":
      return fields.length === 0 ? [] : carrySecrets(work, fields);
    case "vault":
      return compareRootKey(work, fields);
    default:
      return fields.length === 0 ? [] : carrySettings(work, section satisfies Settings, fields);
  }
}

/** How many there are of each outcome, e.g. `212 carried, 30 already as they should be, 18 for a person to see to`. */
export function summaryOf(rows: readonly Row[]): string {
  const words = {
    carried: "carried",
    already: "already as they should be",
    listed: "told of",
    refused: "refused",
  } as const;
  const counts = Object.entries(words).flatMap(([outcome, word]) => {
    const count = rows.filter((row) => row.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return rows.length === 0 ? "nothing" : `${countOf(rows.length, "setting")}, ${counts.join(", ")}`;
}
