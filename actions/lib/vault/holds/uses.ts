import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { newSetId, setId, setIdPattern } from "../format/manifest.ts";
import type { Vault } from "../s3/client.ts";
import { writtenObjects } from "../s3/versions.ts";

/** Where runs that read a set say so, in the bucket that they read: `uses/<set>/<id>.json`. */
export const usesPrefix = "uses/";

const hour = 3_600_000;
/** A note is believed for so long, by the store's clock: who dies meanwhile keeps nothing for ever. */
export const useHours = 24;
/** A long run says it again, long before the last note runs out. */
const renewHours = 8;
/** More notes than this in a day are somebody's doing: then every set counts as in use. */
const mostNotes = 10_000;

const useSchema = z.strictObject({
  format: z.literal("lifeboat-use/1"),
  set: setId,
  /** The verb, e.g. `restore`. */
  operation: z.string().max(40),
  at: z.iso.datetime(),
});
type Use = z.infer<typeof useSchema>;

/** Sets and snapshots of the files that somebody reads now, and why each is in use. */
export interface Uses {
  readonly bySet: ReadonlyMap<string, string>;
  /** Why every set counts as in use: nobody can say which are. Null: the notes can be read. */
  readonly everything: string | null;
}

/**
 * Says that a run reads a set, so that retention keeps it meanwhile. Says it again every eight hours until it is disposed, and
 * then no more: the last note runs out a day after it was written.
 *
 * A vault that can only be read stops nobody who needs a restore: what cannot be written is a warning.
 */
export async function announceUse(
  vault: Vault,
  use: Pick<Use, "set" | "operation">,
  log: Pick<Log, "warn">,
): Promise<Disposable> {
  const say = async (): Promise<void> => {
    const at = new Date();
    const note: Use = { format: "lifeboat-use/1", ...use, at: at.toISOString() };
    const body = Buffer.from(`${JSON.stringify(note)}\n`);
    try {
      const key = `${usesPrefix}${use.set}/${newSetId(at)}.json`;
      await vault.put(key, body, { ifNoneMatch: true, contentType: "application/json", retry: { attempts: 2 } });
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(
        `Retention is not told that ${use.set} is in use (${error.code}): where it runs meanwhile, it may remove the set.`,
      );
    }
  };
  // What is read from the replica is kept there for longer anyway, and nobody writes to it.
  if (vault.readOnly) return { [Symbol.dispose]: () => undefined };
  await say();
  const timer = setInterval(() => void say().catch(() => undefined), renewHours * hour);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** What is in use in this bucket. Never throws because of what the store says: where it cannot be read, everything counts as in use. */
export async function readUses(vault: Vault): Promise<Uses> {
  const unknown = (why: string): Uses => ({
    bySet: new Map(),
    everything: `nobody can say what is in use in bucket ${vault.bucket}: ${why}`,
  });
  try {
    const objects = await writtenObjects(vault, [usesPrefix], mostNotes);
    if (objects.length > mostNotes) return unknown(`there are more than ${mostNotes} notes`);
    if (objects.length === 0) return { bySet: new Map(), everything: null };
    const oldest = (await vault.serverTime()).getTime() - useHours * hour;
    const fresh = objects.filter(({ lastModified }) => (lastModified?.getTime() ?? Number.POSITIVE_INFINITY) > oldest);
    // One note of each set tells enough: the newest.
    const bySet = new Map(fresh.flatMap((one) => (setOfUse(one.key) ? [[setOfUse(one.key) as string, one]] : [])));
    const told = await mapBounded([...bySet], 16, async ([set, { key, versionId }]) => {
      const note = await readUse(vault, key, versionId);
      return [
        set,
        note === undefined ? "it is in use" : `it is in use since ${note.at.slice(0, 16)} UTC: ${note.operation}`,
      ] as const;
    });
    return { bySet: new Map(told), everything: null };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return unknown(error.message);
  }
}

function setOfUse(key: string): string | undefined {
  const set = /^uses\/([^/]+)\/[^/]+$/.exec(key)?.[1];
  return set !== undefined && setIdPattern.test(set) ? set : undefined;
}

/** Undefined for one that cannot be read: it keeps its set all the same. */
async function readUse(vault: Vault, key: string, versionId: string | undefined): Promise<Use | undefined> {
  try {
    const { body } = await vault.get(key, { versionId, maxBytes: 4096 });
    return useSchema.safeParse(JSON.parse(Buffer.from(body).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}
