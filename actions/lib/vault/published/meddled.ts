import { ConfigurationError } from "../../base/errors.ts";
import { countOf, few } from "../../base/measures.ts";
import type { Vault } from "../s3/client.ts";
import type { Folder, Publication } from "./publications.ts";
import { manifestName } from "./signed-manifest.ts";

/** A set, or a snapshot of the files, whose manifest lies under a delete marker. */
export type Hidden = Folder & Pick<Publication, "marker">;

/** The command that shows a hidden manifest again: it removes the marker, and nothing else. */
export function showAgain(vault: Vault, { prefix, set, marker }: Hidden): string {
  const version = marker === undefined ? "" : ` --version-id ${marker}`;
  return `aws s3api delete-object --bucket ${vault.bucket} --key ${prefix}${set}/${manifestName}${version}`;
}

/** @throws nothing; for whoever was asked for it by name, or for the newest */
export function hiddenError(vault: Vault, hidden: Hidden, wanted: string): ConfigurationError {
  const what = wanted === "latest" ? "The newest is not" : "It is not";
  return new ConfigurationError(
    "set-hidden",
    `${hidden.prefix}${hidden.set}/ is hidden by a delete marker over its manifest, and not by Lifeboat. ${what} to be had before somebody has looked`,
    `Find out who wrote the marker. Then show it again with \`${showAgain(vault, hidden)}\`, or name another by its id (\`lifeboat list\`).`,
  );
}

/** What is said of what somebody else did to the vault; nothing when they did nothing. Ids and keys name nobody. */
export function alarmOf(names: readonly string[], how: string, kind: string): string[] {
  if (names.length === 0) return [];
  return [`ALARM: ${how}, and not by Lifeboat: ${countOf(names.length, kind)} (${few(names, 3)}).`];
}
