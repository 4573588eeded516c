import type { MeddledFiles, MeddledFilesRow } from "./meddled-files-scene.ts";
import type { Outcome } from "./row.ts";

const manifest = "manifest.json";
const published = "published, then failed by name";
const meddled = "vault-meddled";

function row(
  stage: MeddledFilesRow["stage"],
  kind: string,
  inject: (files: MeddledFiles) => Promise<void>,
  outcome: Outcome,
  code?: string,
): MeddledFilesRow {
  return { kind, stage, outcome, inject, holder: "writes the bucket", ...(code !== undefined && { code }) };
}

const retention = (kind: string, inject: (files: MeddledFiles) => Promise<void>): MeddledFilesRow =>
  row("retention", kind, inject, "damage named");

const leftOf = ({ left }: MeddledFiles, pattern: RegExp): string => left.find((key) => pattern.test(key)) ?? "none";

export const meddledFilesRows: readonly MeddledFilesRow[] = [
  retention("a delete marker over a kept manifest", ({ hide, kept }) => hide(kept + manifest)),
  retention("a delete marker over a kept signature", ({ hide, kept }) => hide(`${kept}${manifest}.sig`)),
  retention("all of a kept snapshot lies under delete markers", ({ hideAll, kept }) => hideAll(kept)),
  retention("a kept manifest is written again", ({ replace, kept }) => replace(kept + manifest)),
  retention("the newest manifest lies over a kept one", async ({ vault, replace, kept, newest }) =>
    replace(kept + manifest, (await vault.get(newest + manifest)).body),
  ),
  retention("a delete marker over the layer that tells what is named", ({ hide, kept }) => hide(`${kept}layer.json`)),
  retention("the layer that tells what is named is written again", ({ replace, kept }) => replace(`${kept}layer.json`)),
  retention("a delete marker over a pack", ({ hide, pack }) => hide(pack)),
  retention("a pack is written again", ({ replace, pack }) => replace(pack)),
  row(
    "newest snapshot",
    "a delete marker over the newest manifest",
    ({ hide, newest }) => hide(newest + manifest),
    "failed by name",
    "set-hidden",
  ),
  row("sync", "a delete marker over a kept manifest", ({ hide, kept }) => hide(kept + manifest), published, meddled),
  row("sync", "a kept manifest is written again", ({ replace, kept }) => replace(kept + manifest), published, meddled),
  row(
    "sync",
    "a delete marker over the newest manifest",
    ({ hide, newest }) => hide(newest + manifest),
    published,
    meddled,
  ),
  ...[/^packs\//, /^files\//].map((pattern) =>
    row(
      "sync after a killed one",
      `other bytes of the same size over what it has left: ${pattern.source.replaceAll(/[\\^$]/g, "")}`,
      (files) => files.replace(leftOf(files, pattern)),
      published,
      meddled,
    ),
  ),
  ...[/\/journal\//, /\/keys\.pgp$/, /^packs\//].map((pattern) =>
    row(
      "sync after a killed one",
      `a delete marker over what it has left: ${pattern.source.replaceAll(/[\\^$]/g, "")}`,
      (files) => files.hide(leftOf(files, pattern)),
      published,
      meddled,
    ),
  ),
  row(
    "sync after a killed one",
    "its journal and keys under the name of a run that never was",
    async (files) => {
      for (const pattern of [/\/journal\//, /\/keys\.pgp$/]) {
        const key = leftOf(files, pattern);
        const { body, metadata } = await files.vault.get(key);
        await files.put(key.replace(/^snapshots\/[^/]+/, "snapshots/20991231T235959Z-1a2b3c4d"), body, metadata);
      }
    },
    "success",
  ),
];
