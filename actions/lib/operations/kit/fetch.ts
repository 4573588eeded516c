import { ConfigurationError } from "../../base/errors.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import { listKits, openKit, readKitTar } from "../../vault/kits.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { assertNew, writeKitFile } from "./kit-file.ts";
import { reportFetched } from "./page.ts";

/**
 * Writes the newest kit into a file. One that is not whole, or that somebody else laid there, is passed over for none: a person who takes a
 * kit away has to know.
 * @throws ConfigurationError `kit-file`, `kit-unknown`, `kit-untrusted`
 */
export async function fetchKit(
  context: Context,
  { out, dryRun }: { readonly out: string; readonly dryRun: boolean },
): Promise<Told> {
  await assertNew(out);
  const vault = await context.vault();
  const verify = await manifestVerifier(context.config());
  for await (const one of listKits(vault, verify)) {
    const untrusted = (why: string) =>
      new ConfigurationError(
        "kit-untrusted",
        `The newest rescue kit, ${one.kit}, is not to be trusted: ${why}`,
        "`lifeboat kit check` says all that is wrong. Find out who wrote it; the one of a month ago may do, by hand.",
      );
    if (!("document" in one)) throw untrusted(one.problem);
    const tar = await readKitTar(vault, one.document);
    const { problems } = await openKit(tar, verify, one.document);
    if (problems[0] !== undefined) throw untrusted(problems[0]);
    if (!dryRun) await writeKitFile(out, tar);
    return reportFetched(one.document, out, dryRun);
  }
  throw new ConfigurationError(
    "kit-unknown",
    `There is no rescue kit in bucket ${vault.bucket} yet`,
    "Make one with `lifeboat kit build`, or start the workflow backup.",
  );
}
