import type { VerifyRelease } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { versionPages } from "../s3/versions.ts";
import { type HoldRegister, holdsPrefix, joinRegisters, readHolds, whyHeld } from "./register.ts";
import { readUses, type Uses, usesPrefix } from "./uses.ts";

/** What somebody still needs, for whoever removes: as it was when the plan was made, and as it is before each removal. */
export interface HoldGate {
  readonly register: HoldRegister;
  /** Why this set, or snapshot of the files, has to stay; null: nobody has said so. */
  why(set: string): string | null;
  /** The same for the plan: of these sets those that are needed, and why. */
  neededOf(sets: Iterable<string>): Map<string, string>;
  /**
   * To be asked before each removal: why one of these sets has to stay now; null: none has to. A list of what lies below `holds/`
   * and `uses/`, and no more, as long as nothing is new there.
   */
  whyNow(sets: Iterable<string>): Promise<string | null>;
  /** The same of holds alone: why this set is held now; null: it is not. */
  heldNow(set: string): Promise<string | null>;
}

/** @param vaults every bucket that may hold something: of the database, of the files, the replica */
export async function openHoldGate(vaults: readonly Vault[], verify: VerifyRelease): Promise<HoldGate> {
  const buckets = [...new Map(vaults.map((vault) => [vault.bucket, vault])).values()];
  let now = await look(buckets, verify);
  const why = (set: string): string | null => whyNeeded(now, set);
  const refresh = async (): Promise<void> => {
    if (now.mark !== (await markOf(buckets))) now = await look(buckets, verify);
  };
  return {
    register: now.register,
    why,
    neededOf(sets) {
      return new Map([...sets].flatMap((set) => (why(set) === null ? [] : [[set, why(set) as string]])));
    },
    async whyNow(sets) {
      await refresh();
      if (now.register.everything !== null) return now.register.everything;
      for (const set of sets) {
        const reason = why(set);
        if (reason !== null) return `set ${set} has to stay: ${reason}`;
      }
      return null;
    },
    async heldNow(set) {
      await refresh();
      return whyHeld(now.register, set);
    },
  };
}

interface Look {
  readonly register: HoldRegister;
  readonly uses: readonly Uses[];
  readonly mark: string;
}

async function look(vaults: readonly Vault[], verify: VerifyRelease): Promise<Look> {
  // The mark first: what is written while the rest is read makes it be read again.
  const mark = await markOf(vaults);
  const registers = await Promise.all(vaults.map((vault) => readHolds(vault, verify)));
  return { register: joinRegisters(registers), uses: await Promise.all(vaults.map(readUses)), mark };
}

function whyNeeded({ register, uses }: Look, set: string): string | null {
  const held = whyHeld(register, set);
  if (held !== null) return held;
  return uses.map(({ everything, bySet }) => everything ?? bySet.get(set) ?? null).find((why) => why !== null) ?? null;
}

/** Where more lies, everything counts as needed anyway. */
const mostMarked = 20_000;

/** Changes with every write below the two prefixes. */
async function markOf(vaults: readonly Vault[]): Promise<string> {
  const marks = vaults.flatMap((vault) => [holdsPrefix, usesPrefix].map((prefix) => markBelow(vault, prefix)));
  return (await Promise.all(marks)).join("\n\n");
}

async function markBelow(vault: Vault, prefix: string): Promise<string> {
  const marks: string[] = [];
  for await (const { versions } of versionPages(vault.transport, prefix)) {
    marks.push(...versions.map(({ key, versionId }) => `${key} ${versionId}`));
    if (marks.length > mostMarked) break;
  }
  return marks.join("\n");
}
