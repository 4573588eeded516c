import type { SignBytes } from "../../../actions/lib/seal/keys/signature.ts";
import { type Head, hashOf, noHead } from "../../../actions/lib/vault/audit/entry.ts";
import { draftAt, layDown, type Trail } from "./trail.ts";

/** What somebody with all rights on the bucket and the key that signs makes of a trail. */
export interface Tampered {
  readonly trail: Trail;
  /** The first entry that is not as it was, or not there. */
  readonly first: number;
  /** Everything behind it was written anew, right in itself: it shows at the next head that was told. */
  readonly rechained: boolean;
}

interface Attack {
  readonly trail: Trail;
  readonly sign: SignBytes;
  readonly random: () => number;
}

const pick = (random: () => number, low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
const last = (trail: Trail): number => Math.max(...trail.keys());
const headAt = (trail: Trail, count: number): Head => {
  const bytes = trail.get(count);
  return bytes === undefined ? noHead : { count, sha256: hashOf(bytes) };
};

/** Writes everything from a number on anew, with the true key, after changing the drafts. */
async function rechain(
  { trail, sign }: Attack,
  from: number,
  drafts: ReturnType<typeof draftAt>[],
): Promise<Map<number, Uint8Array>> {
  const made = new Map([...trail].filter(([number]) => number < from));
  let head = headAt(trail, from - 1);
  for (const draft of drafts) head = await layDown(made, draft, head, sign);
  return made;
}

const draftsFrom = ({ trail }: Attack, from: number) =>
  Array.from({ length: Math.max(0, last(trail) - from + 1) }, (_, index) => draftAt(trail, from + index));
const relabelled = (draft: ReturnType<typeof draftAt>, by: string): ReturnType<typeof draftAt> => ({
  ...draft,
  who: draft.who.by === "github" ? { ...draft.who, actor: by } : { ...draft.who, user: by },
});

type Tampering = (attack: Attack) => Promise<Tampered>;

export const tamperings: Readonly<Record<string, Tampering>> = {
  async "an entry edited, and signed again"({ trail, sign, random }) {
    const number = pick(random, 1, last(trail));
    const made = new Map(trail);
    await layDown(made, relabelled(draftAt(trail, number), "somebody"), headAt(trail, number - 1), sign);
    return { trail: made, first: number, rechained: false };
  },
  async "a rewrite of the same length"({ trail, random }) {
    const number = pick(random, 1, last(trail));
    const text = Buffer.from(trail.get(number) ?? "").toString();
    const made = new Map(trail).set(number, Buffer.from(text.replace("octocat", "octopus")));
    return { trail: made, first: number, rechained: false };
  },
  async "one byte turned"({ trail, random }) {
    const number = pick(random, 1, last(trail));
    const bytes = Buffer.from(trail.get(number) ?? "");
    const at = pick(random, 0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(random, 0, 7));
    return { trail: new Map(trail).set(number, bytes), first: number, rechained: false };
  },
  async "bytes after the end"({ trail, random }) {
    const number = pick(random, 1, last(trail));
    const more = [" ", "\n", "{}\n", "\r\n", '{"entry":null}'][pick(random, 0, 4)] ?? " ";
    const made = new Map(trail).set(number, Buffer.concat([trail.get(number) ?? Buffer.of(), Buffer.from(more)]));
    return { trail: made, first: number, rechained: false };
  },
  async "an entry dropped"({ trail, random }) {
    const number = pick(random, 1, last(trail));
    return { trail: new Map([...trail].filter(([one]) => one !== number)), first: number, rechained: false };
  },
  async "an entry dropped, and the rest chained anew"(attack) {
    const number = pick(attack.random, 1, last(attack.trail) - 1);
    return { trail: await rechain(attack, number, draftsFrom(attack, number + 1)), first: number, rechained: true };
  },
  async "two entries in each other's place"({ trail, random }) {
    const number = pick(random, 1, last(trail) - 1);
    const other = pick(random, number + 1, last(trail));
    const made = new Map(trail)
      .set(number, trail.get(other) ?? Buffer.of())
      .set(other, trail.get(number) ?? Buffer.of());
    return { trail: made, first: number, rechained: false };
  },
  async "the order changed, and the rest chained anew"(attack) {
    const number = pick(attack.random, 1, last(attack.trail) - 1);
    const [one, two, ...rest] = draftsFrom(attack, number);
    const drafts = one === undefined || two === undefined ? rest : [two, one, ...rest];
    return { trail: await rechain(attack, number, drafts), first: number, rechained: true };
  },
  async "a fork: another run from there on"(attack) {
    const number = pick(attack.random, 1, last(attack.trail));
    const drafts = draftsFrom(attack, number).map((draft) => relabelled(draft, "twin"));
    return { trail: await rechain(attack, number, drafts), first: number, rechained: true };
  },
  async truncated({ trail, random }) {
    const number = pick(random, 2, last(trail));
    return { trail: new Map([...trail].filter(([one]) => one < number)), first: number, rechained: false };
  },
  async "an old head played back, and the trail written on"(attack) {
    const { trail, random } = attack;
    const number = pick(random, 2, last(trail) - 1);
    const drafts = draftsFrom(attack, number + 1).slice(0, pick(random, 1, 3));
    return { trail: await rechain(attack, number, drafts), first: number, rechained: true };
  },
  async "all of it chained anew with the true key"(attack) {
    const number = pick(attack.random, 1, last(attack.trail));
    const drafts = draftsFrom(attack, 1).map((draft, index) =>
      index + 1 >= number ? relabelled(draft, "nobody") : draft,
    );
    const trail = await rechain(attack, 1, drafts);
    // Signatures bear their time: not even what it kept is as it was.
    return { trail, first: 1, rechained: true };
  },
  async "an object moved to another place"({ trail, random }) {
    const number = pick(random, 1, last(trail));
    const moved = new Map([...trail].filter(([one]) => one !== number));
    return { trail: moved.set(last(trail) + 1, trail.get(number) ?? Buffer.of()), first: number, rechained: false };
  },
  async "the whole log deleted"() {
    return { trail: new Map(), first: 1, rechained: false };
  },
  async "the log begun anew"(attack) {
    const drafts = [relabelled(draftAt(attack.trail, 1), "fresh")];
    return { trail: await rechain(attack, 1, drafts), first: 1, rechained: true };
  },
};
