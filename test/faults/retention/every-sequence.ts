import { Oracle, type Violation } from "../../lab/retention/oracle.ts";
import { type Code, retain } from "../../lab/retention/retention-run.ts";
import { copyOf, make, newWorld, pass, type World } from "../../lab/retention/world.ts";
import { decode, encode } from "./encode.ts";
import { disturbances, everything, replicaRun, smallRules } from "./events.ts";
import { StateSet } from "./state-set.ts";

export interface Searched {
  /** Different states that were reached. */
  readonly states: number;
  /** Events that were tried in them. */
  readonly steps: number;
  readonly removals: number;
  /** The first ones, each with the events that led to it. */
  readonly broken: readonly Broken[];
}

type Broken = Violation & { readonly events: readonly string[] };

/** States that are so many events away, and how each was reached. */
interface Level {
  readonly states: string[];
  readonly from: number[];
  readonly by: string[];
}

/** Tries an event in a state that is so many events away. */
type Attempt = (name: string, happen: (world: World, oracle: Oracle) => unknown) => Promise<void>;

/** Where sequences begin: with nothing, and with a vault in which something of each kind is about to go. */
export const starts: Readonly<Record<string, () => World>> = {
  "an empty vault": () => newWorld(smallRules),
  "a vault that has grown": () => {
    const world = newWorld(smallRules);
    make(world, "monthly").provenAt = 0;
    pass(world, 3);
    make(world, "monthly");
    pass(world, 2);
    const proven = make(world, "daily");
    proven.provenAt = world.now;
    world.lastProof = { at: world.now, proven: true, set: proven.name };
    pass(world, 1);
    make(world, "daily");
    return world;
  },
};

/**
 * Every sequence of so many events: state by state, each different one once. What happens in the middle of a run of retention
 * is tried before and after each of its requests. Only runs can break a promise: the last event is always one.
 * @param most of broken promises, after which the search ends
 */
export async function everySequence(
  start: World,
  depth: number,
  code: Code,
  { most = 5, tell }: { most?: number; tell?: (line: string) => void } = {},
): Promise<Searched> {
  const seen = new StateSet();
  const levels: Level[] = [{ states: [encode(start)], from: [-1], by: [""] }];
  const sum = { steps: 0, removals: 0 };
  const broken: Broken[] = [];
  /** @param at which one of the states that are `length` events away */
  const pathTo = (length: number, at: number): string[] => {
    const level = levels[length];
    const from = level?.from[at] ?? -1;
    return from === -1 ? [] : [...pathTo(length - 1, from), level?.by[at] ?? ""];
  };
  /** @param reached told where the event leads */
  const attempting =
    (before: World, path: () => string[], reached?: (world: World, by: string) => unknown): Attempt =>
    async (name, happen) => {
      const world = copyOf(before);
      const oracle = new Oracle();
      await happen(world, oracle);
      sum.steps++;
      sum.removals += oracle.removals;
      for (const violation of oracle.violations.slice(0, most - broken.length))
        broken.push({ ...violation, events: [...path(), name] });
      await reached?.(world, name);
    };

  for (let length = 0; length < depth - 1; length++) {
    const next: Level = { states: [], from: [], by: [] };
    levels.push(next);
    for (const [at, state] of (levels[length]?.states ?? []).entries()) {
      const path = () => pathTo(length, at);
      const before = decode(state, smallRules);
      const attempt = attempting(before, path, (world, by) => {
        const reached = encode(world);
        if (!seen.add(reached)) return;
        if (length === depth - 2)
          return everyRun(
            code,
            attempting(world, () => [...path(), by]),
          );
        next.states.push(reached);
        next.from.push(at);
        next.by.push(by);
        return undefined;
      });
      for (const { name, can, happen } of everything) {
        if (can === undefined || can(before)) await attempt(name, (world, oracle) => happen(world, code, oracle));
      }
      await everyRun(code, attempt);
      if (broken.length >= most) return { states: seen.size, ...sum, broken };
    }
    tell?.(`${length + 1} events: ${seen.size} states, ${sum.steps} steps`);
  }
  return { states: seen.size, ...sum, broken };
}

/** A run in the replica; a run of retention that nothing disturbs, and, where it removes something, every way to disturb it. */
async function everyRun(code: Code, attempt: Attempt): Promise<void> {
  await attempt(replicaRun.name, (world, oracle) => replicaRun.happen(world, code, oracle));
  let requests = 0;
  await attempt("retention", async (world, oracle) => {
    const run = await retain(world, code, oracle);
    if (run.done?.stopped === null) oracle.ended(world, run.plan);
    if (oracle.removals > 0) requests = run.calls;
  });
  for (const [at, [what, { call }]] of disturbances(requests, code, new Oracle()).entries()) {
    await attempt(`retention, with ${what} at request ${call + 1}`, (world, oracle) =>
      retain(world, code, oracle, disturbances(requests, code, oracle)[at]?.[1]),
    );
  }
}
