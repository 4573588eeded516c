import { compareContents } from "../../actions/lib/operations/verify/deep-compare.ts";
import { noContents, readContents } from "../../actions/lib/operations/verify/deep-contents.ts";
import { findingOf } from "../../actions/lib/operations/verify/verify-objects.ts";
import type { OpenSet } from "../../actions/lib/vault/sets/open-set.ts";

/**
 * What a deep verification would say if a set had been made with other content: every artifact is read, the named one
 * through `change`.
 * @returns `where: code` of each finding
 */
export async function findingsWhenChanged(
  open: OpenSet,
  name: string,
  change: (plain: string) => string,
): Promise<string[]> {
  const inventory = await open.inventory();
  const contents = noContents();
  const errors: string[] = [];
  for (const artifact of open.manifest.artifacts) {
    const plain = artifact.name === name ? changed(open.artifact(name), change) : open.artifact(artifact.name);
    await readContents(artifact, plain, inventory, contents).catch((error: unknown) => {
      errors.push(`${artifact.name}: ${findingOf(error, artifact.name).code}`);
    });
  }
  const found = compareContents(open.manifest, inventory, contents).map(({ where, code }) => `${where}: ${code}`);
  return [...errors, ...found];
}

async function* changed(plain: AsyncIterable<Uint8Array>, change: (plain: string) => string) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of plain) chunks.push(chunk);
  yield Buffer.from(change(Buffer.concat(chunks).toString()));
}
