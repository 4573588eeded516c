import { z } from "zod";
import type { Fact } from "./fact.ts";

/** A state of a new project that was read: the server's major, and the component's own version where it keeps one. */
const snapshotSchema = z.strictObject({
  major: z.number(),
  /** The last migration in the component's own list; null where it keeps none. */
  version: z.string().nullable(),
  /** For people: which release of supabase/postgres it stood on. */
  label: z.string(),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Hash of the definition, owner, number in `rights`, hash of the comment; then in which snapshots: first, last, first, last … */
const stateSchema = z.tuple([z.string(), z.string().nullable(), z.number(), z.string()]).rest(z.number());

/** What new projects have of one component, over its versions: one file each in `baselines/`. */
export const baselineFileSchema = z.strictObject({
  format: z.literal("lifeboat-platform/1"),
  component: z.string(),
  snapshots: z.array(snapshotSchema),
  rights: z.array(z.array(z.array(z.string()))),
  facts: z.record(z.string(), z.array(stateSchema)),
});
export type BaselineFile = z.infer<typeof baselineFileSchema>;
type State = z.infer<typeof stateSchema>;

/** Rights with what each grantee has together: `[["anon", "INSERT", "SELECT"], ["postgres", "SELECT*"]]`. */
type PackedRights = BaselineFile["rights"][number];

function packRights(rights: readonly string[]): PackedRights {
  const byGrantee = new Map<string, string[]>();
  for (const right of rights) {
    const at = right.lastIndexOf(" ");
    const [grantee, what] = at < 0 ? [right, ""] : [right.slice(0, at), right.slice(at + 1)];
    byGrantee.set(grantee, [...(byGrantee.get(grantee) ?? []), what]);
  }
  return [...byGrantee].map(([grantee, what]) => [grantee, ...what]);
}

export function unpackRights(packed: PackedRights): string[] {
  return packed.flatMap(([grantee = "", ...what]) => what.map((one) => (one === "" ? grantee : `${grantee} ${one}`)));
}

export function emptyBaseline(component: string): BaselineFile {
  return { format: "lifeboat-platform/1", component, snapshots: [], rights: [], facts: {} };
}

/** The file with one snapshot more at its end: facts that are as they were before take no room. Pure. */
export function withSnapshot(file: BaselineFile, snapshot: Snapshot, facts: readonly Fact[]): BaselineFile {
  const at = file.snapshots.length;
  const rights = [...file.rights];
  const numbers = new Map(rights.map((packed, number) => [JSON.stringify(packed), number]));
  const entries: Record<string, State[]> = { ...file.facts };
  for (const fact of facts) {
    const packed = packRights(fact.rights);
    const number = numbers.get(JSON.stringify(packed)) ?? rights.push(packed) - 1;
    numbers.set(JSON.stringify(packed), number);
    const state: State = [fact.definition, fact.owner, number, fact.comment, at, at];
    const known = entries[fact.key] ?? [];
    const same = known.findIndex((one) => [0, 1, 2, 3].every((place) => one[place] === state[place]));
    entries[fact.key] =
      same < 0 ? [...known, state] : known.map((one, place) => (place === same ? extended(one, at) : one));
  }
  return { ...file, snapshots: [...file.snapshots, snapshot], rights, facts: entries };
}

function extended(state: State, at: number): State {
  const [definition, owner, rights, comment, ...ranges] = state;
  if (ranges.at(-1) === at - 1) return [definition, owner, rights, comment, ...ranges.slice(0, -1), at];
  return [definition, owner, rights, comment, ...ranges, at, at];
}

/** As it is kept: one fact a line, so that a change of one shows as such. */
export function renderBaseline({ format, component, snapshots, rights, facts }: BaselineFile): string {
  const lines = (values: readonly string[]) => values.map((one) => `    ${one}`).join(",\n");
  const sorted = Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{
  "format": ${JSON.stringify(format)},
  "component": ${JSON.stringify(component)},
  "snapshots": [
${lines(snapshots.map((one) => JSON.stringify(one)))}
  ],
  "rights": [
${lines(rights.map((one) => JSON.stringify(one)))}
  ],
  "facts": {
${lines(sorted.map(([key, states]) => `${JSON.stringify(key)}: ${JSON.stringify(states)}`))}
  }
}
`;
}
