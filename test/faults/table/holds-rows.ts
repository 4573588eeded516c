import { expect } from "vitest";
import { setLegalHold } from "../../../actions/lib/vault/bucket/legal-hold.ts";
import { newSetId } from "../../../actions/lib/vault/format/manifest.ts";
import { type HoldBegin, type HoldRelease, holdKey } from "../../../actions/lib/vault/holds/register.ts";
import { type HeldScene, manifestOf } from "./holds-scene.ts";

/** One way to break a hold. */
interface HoldRow {
  readonly kind: string;
  /** What becomes of it, in words. */
  readonly told: string;
  attack(scene: HeldScene): Promise<void>;
  /** What a check says; null: nothing, for nothing is broken. */
  readonly alarm: RegExp | null;
  /** The pack counts as written hours after the hold. */
  readonly aged?: true;
}

const entryOf = ({ hold }: HeldScene): string => holdKey(hold.subject.set, hold.id);
const none = 0;

function releaseOf({ hold }: HeldScene, more: Partial<HoldRelease> = {}): HoldRelease {
  const { subject, id } = hold;
  const at = new Date().toISOString();
  const common = { format: "lifeboat-hold/1", event: "release", id: newSetId(new Date()), at, by: "x" } as const;
  return { ...common, subject, reason: "an attack", ends: [id], ...more };
}

export const holdRows: readonly HoldRow[] = [
  {
    kind: "a delete marker over the entry",
    told: "the hold counts, with an alarm",
    attack: (scene) => scene.attacker.hide(entryOf(scene)),
    alarm: /hidden by delete markers, and counted all the same.*entry of a hold/,
  },
  {
    kind: "another entry over the entry",
    told: "the first one counts, with an alarm",
    async attack(scene) {
      await scene.enter({ ...scene.hold, until: new Date(Date.now() - 1000).toISOString() }, "signed");
    },
    alarm: /written again, and counted as before.*entry of a hold/,
  },
  {
    kind: "the entry's version is deleted",
    told: "the store refuses",
    async attack(scene) {
      expect(await scene.destroy(scene.vault, entryOf(scene))).toBe(1);
    },
    alarm: null,
  },
  {
    kind: "the entry's own hold is lifted and all its versions are deleted",
    told: "its copies hold, with an alarm",
    async attack(scene) {
      await scene.lift(scene.vault, entryOf(scene));
      expect(await scene.destroy(scene.vault, entryOf(scene))).toBe(none);
    },
    alarm: /held, and gone.*holds\//,
  },
  {
    kind: "a release without a trusted signature",
    told: "it ends nothing, with an alarm",
    async attack(scene) {
      await scene.enter(releaseOf(scene), "unsigned");
    },
    alarm: /released without a trusted signature/,
  },
  {
    kind: "a release that a job's stolen key has signed",
    told: "it ends nothing, with an alarm",
    async attack(scene) {
      await scene.enter(releaseOf(scene), "by a job");
    },
    alarm: /released without a trusted signature/,
  },
  {
    kind: "a true release of another set's hold, copied here",
    told: "it ends nothing, with an alarm",
    async attack(scene) {
      const other: HoldBegin = { ...scene.hold, subject: scene.free, id: newSetId(new Date()) };
      await scene.enter(other, "signed");
      const release = releaseOf(scene, { subject: scene.free, ends: [other.id] });
      await scene.enter(release, "signed", holdKey(scene.subject.set, newSetId(new Date())));
    },
    alarm: /made unreadable, and counted as a hold/,
  },
  {
    kind: "an old release, replayed against a newer hold",
    told: "the newer hold stays",
    async attack(scene) {
      const release = releaseOf(scene);
      await scene.enter(release, "signed");
      await scene.enter({ ...scene.hold, id: newSetId(new Date()) }, "signed");
      await scene.enter(release, "signed", holdKey(scene.subject.set, release.id));
    },
    alarm: /written again/,
  },
  {
    kind: "the store's hold is lifted from one pack",
    told: "an alarm names the pack",
    attack: (scene) => scene.lift(scene.vault, scene.pack),
    alarm: /without their legal hold.*packs\//,
  },
  {
    kind: "a pack is deleted while it is held",
    told: "the store refuses",
    async attack(scene) {
      expect(await scene.destroy(scene.vault, scene.pack)).toBe(1);
    },
    alarm: null,
  },
  {
    kind: "one pack's hold is lifted, and its version deleted",
    told: "an alarm names the pack",
    async attack(scene) {
      await scene.lift(scene.vault, scene.pack);
      expect(await scene.destroy(scene.vault, scene.pack)).toBe(none);
    },
    alarm: /held, and gone.*packs\//,
  },
  {
    kind: "one pack is exchanged for another of the same length, which is held",
    told: "an alarm names the pack",
    async attack(scene) {
      const bytes = (await scene.vault.head(scene.pack))?.bytes ?? 0;
      await scene.lift(scene.vault, scene.pack);
      await scene.destroy(scene.vault, scene.pack);
      await scene.vault.put(scene.pack, Buffer.alloc(bytes, "x"));
      await setLegalHold(scene.vault, { key: scene.pack, versionId: undefined }, "on");
    },
    aged: true,
    alarm: /held, and written after the hold began.*packs\//,
  },
  {
    kind: "delete markers over the set's manifest",
    told: "an alarm names it",
    attack: (scene) => scene.attacker.hide(manifestOf(scene)),
    alarm: /hidden by delete markers.*manifest\.json/,
  },
  {
    kind: "another manifest over the set's manifest",
    told: "an alarm names it",
    attack: (scene) => scene.attacker.replace(manifestOf(scene)),
    alarm: /written again.*manifest\.json/,
  },
  {
    kind: "the replica's hold is lifted",
    told: "an alarm names the replica's object",
    attack: (scene) => scene.lift(scene.replica, scene.pack),
    alarm: /without their legal hold.*replica\/packs\//,
  },
  {
    kind: "the replica's copy is deleted after its hold was lifted",
    told: "an alarm names the replica's object",
    async attack(scene) {
      await scene.lift(scene.replica, scene.pack);
      expect(await scene.destroy(scene.replica, scene.pack)).toBe(none);
    },
    alarm: /not in the replica.*replica\/packs\//,
  },
  {
    kind: "an entry for a set that does not exist",
    told: "it holds nothing else, and is an alarm",
    async attack(scene) {
      const subject = { ...scene.subject, set: newSetId(new Date()), files: null };
      await scene.enter({ ...scene.hold, subject, id: newSetId(new Date()) }, "unsigned");
    },
    alarm: /held, and (gone|not to be trusted)/,
  },
  {
    kind: "an entry that nobody can place",
    told: "everything counts as held, with an alarm",
    async attack(scene) {
      await scene.vault.put("holds/everything.json", Buffer.from("{}"));
      expect(await scene.why(scene.free.set)).not.toBeNull();
    },
    alarm: /Everything counts as held/,
  },
];
