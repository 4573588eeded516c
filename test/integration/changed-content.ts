import { compareContents } from "../../actions/lib/operations/verify/deep-compare.ts";
import { noContents, readContents } from "../../actions/lib/operations/verify/deep-contents.ts";
import { findingOf } from "../../actions/lib/operations/verify/verify-objects.ts";
import type { OpenSet } from "../../actions/lib/vault/sets/open-set.ts";

/**
 * What a deep verification would say if a set had been made with other content in one artifact. The others are read once,
 * however many changes are tried.
 * @returns for a change: `where: code` of each finding
 */
export async function findingsWhenChanged(
  open: OpenSet,
  name: string,
): Promise<(change: (plain: string) => string) => Promise<string[]>> {
  const inventory = await open.inventory();
  const others = noContents();
  for (const artifact of open.manifest.artifacts) {
    if (artifact.name !== name) await readContents(artifact, open.artifact(artifact.name), inventory, others);
  }
  return async (change) => {
    const contents = structuredClone(others);
    const errors: string[] = [];
    for (const artifact of open.manifest.artifacts.filter((one) => one.name === name)) {
      await readContents(artifact, changed(open.artifact(name), change), inventory, contents).catch(
        (error: unknown) => {
          errors.push(`${name}: ${findingOf(error, name).code}`);
        },
      );
    }
    const found = compareContents(open.manifest, inventory, contents).map(({ where, code }) => `${where}: ${code}`);
    return [...errors, ...found];
  };
}

async function* changed(plain: AsyncIterable<Uint8Array>, change: (plain: string) => string) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of plain) chunks.push(chunk);
  yield Buffer.from(change(Buffer.concat(chunks).toString()));
}
