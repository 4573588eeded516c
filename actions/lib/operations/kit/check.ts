import { mapBounded } from "../../base/flow/bounded.ts";
import type { Config } from "../../config/load.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import { publishedSnapshots, readSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { setPrefix } from "../../vault/format/manifest.ts";
import { snapshotPrefix } from "../../vault/format/names.ts";
import type { Publication } from "../../vault/published/publications.ts";
import { believed } from "../../vault/published/signed-manifest.ts";
import { publishedSets, readSet } from "../../vault/sets/catalogue.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { inspectFile, inspectNewest, type KitWorld } from "./inspect.ts";
import { readKitFile } from "./kit-file.ts";
import { reportChecked } from "./page.ts";

/** What the kits of this run's vaults are held against, as closely as it can be. */
async function kitWorld(context: Context): Promise<KitWorld> {
  const config: Config = context.config();
  const verify = await manifestVerifier(config);
  const vault = await context.vault();
  const files = context.has("storageVault") ? await context.files() : undefined;
  const there = async (before: Date): Promise<string[]> => [
    ...(await foldersOf(
      publishedSets(vault),
      before,
      ({ tier, set }) => setPrefix(tier, set),
      ({ tier, set }) => readSet(vault, tier, set, verify),
    )),
    ...(files === undefined
      ? []
      : await foldersOf(
          publishedSnapshots(files),
          before,
          ({ set }) => snapshotPrefix(set),
          ({ set }) => readSnapshot(files, set, verify),
        )),
  ];
  return { vault, files, there, verify, config, replica: await context.replica(), deep: true, now: new Date() };
}

async function foldersOf<Found extends Publication>(
  published: AsyncIterable<Found>,
  before: Date,
  folderOf: (found: Found) => string,
  read: (found: Found) => Promise<unknown>,
): Promise<string[]> {
  const old: Found[] = [];
  for await (const one of published)
    if (one.signed && one.state === "there" && one.storedAt !== undefined && one.storedAt < before) old.push(one);
  const folders = await mapBounded(old, 24, async (one) => {
    const found = await believed(() => read(one));
    return found !== undefined && "document" in found ? [folderOf(one)] : [];
  });
  return folders.flat();
}

/** Holds the newest kit, or a file, against the vault. @throws ConfigurationError `kit-file`; LifeboatError when the vault cannot be asked */
export async function check(context: Context, { file }: { readonly file: string | undefined }): Promise<Told> {
  const world = await kitWorld(context);
  if (file === undefined) return reportChecked(await inspectNewest(world));
  return reportChecked(await inspectFile(await readKitFile(file), world));
}
