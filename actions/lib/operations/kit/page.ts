import { countOf, few, formatBytes, formatDay } from "../../base/measures.ts";
import type { Kit } from "../../vault/kits.ts";
import type { Told } from "../operation.ts";
import type { GatheredKeys } from "./gather-keys.ts";
import type { Inspected } from "./inspect.ts";

interface Built {
  readonly kit: Kit;
  readonly files: number;
  readonly gathered: Pick<GatheredKeys, "leftOut" | "lacking">;
  readonly lockedUntil: Date | null;
  readonly out: string | undefined;
  readonly dryRun: boolean;
}

const title = "Rescue kit";

export function reportBuilt({ kit, files, gathered: { leftOut, lacking }, lockedUntil, out, dryRun }: Built): Told {
  const lock = lockedUntil === null ? "" : `, locked until ${formatDay(lockedUntil.getTime())}`;
  const what = `${countOf(files, "file")}, ${formatBytes(kit.bytes)}, with the keys of ${countOf(kit.folders.length, "set")}`;
  const sentence = dryRun
    ? `Dry run: a rescue kit would have ${what}.`
    : `Rescue kit ${kit.kit} is in the vault: ${what}${lock}.${written(out)}`;
  const notes = [...lacking, ...leftOut].map((line) => `Left out: ${line}`);
  const result = { outcome: dryRun ? "would-make" : "made", ...kit, lockedUntil, leftOut, lacking, out: out ?? null };
  const told = { result, outputs: outputsOf(kit, !dryRun), page: { title, sentence, tables: [], notes } };
  if (lacking.length === 0) return told;
  const message = `The rescue kit lacks ${countOf(lacking.length, "file")} of keys that cannot be believed (${few(lacking, 2)}).`;
  const next = "The kit is in the vault all the same. Find out who changed the keys: runbooks/vault-meddled.md.";
  return { ...told, failure: { code: "kit-lacks-keys", message, next } };
}

export function reportThere(kit: Kit, out: string | undefined): Told {
  const sentence = `This month has its rescue kit: ${kit.kit}.${written(out)}`;
  const outputs = { ...outputsOf(kit, false), "nothing-to-do": "true" };
  const result = { outcome: "there", ...kit, out: out ?? null };
  return { result, skipped: true, outputs, page: { title, sentence, tables: [] } };
}

export function reportEmpty(): Told {
  const sentence = "There is no set yet whose keys a rescue kit could have: none was made.";
  const outputs = { made: "false", "nothing-to-do": "true" };
  return { result: { outcome: "empty" }, skipped: true, outputs, page: { title, sentence, tables: [] } };
}

export function reportFetched(kit: Kit, out: string, dryRun: boolean): Told {
  const sentence = dryRun
    ? `Dry run: rescue kit ${kit.kit}, ${formatBytes(kit.bytes)}, would be written to ${out}.`
    : `Rescue kit ${kit.kit}, signed and whole.${written(out)}`;
  return { result: { ...kit, out }, page: { title, sentence, tables: [], notes: [handling] } };
}

export function reportChecked({ kit, findings }: Inspected): Told {
  const name = kit === null ? "The rescue kit" : `Rescue kit ${kit.kit}`;
  const sentence =
    findings.length === 0
      ? `${name} is signed, whole, and has what a recovery needs.`
      : `${name}: ${countOf(findings.length, "finding")}.`;
  const rows = findings.map(({ name: finding, state, found, next }) => [finding, state, found, next]);
  const tables = [{ header: ["finding", "state", "found", "what to do"], rows }];
  return {
    result: { kit, findings },
    exitCode: findings.length === 0 ? 0 : 1,
    page: { title, sentence, tables },
  };
}

const handling =
  "Keep it with the fingerprint of the signing key on paper, apart from the escrow key. READ-ME-FIRST.md in it says how it is used.";

const written = (out: string | undefined): string => (out === undefined ? "" : ` It is in ${out}, too.`);

function outputsOf(kit: Kit, made: boolean): Record<string, string> {
  return { made: String(made), kit: kit.kit, bytes: String(kit.bytes), "nothing-to-do": "false" };
}
