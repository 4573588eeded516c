import { describe, expect, test } from "vitest";
import { type Going, type RemovalSteps, runRemovals } from "../../actions/lib/operations/retention/removal-loop.ts";

const daily = (set: string): Going => ({ set, tier: "daily" });
const none = { deleted: 0, kept: 0, keptUntil: null };

/** A store whose requests are noted, and that does as it is told. */
function store(more: Partial<RemovalSteps> = {}): { readonly asked: string[]; readonly steps: RemovalSteps } {
  const asked: string[] = [];
  const steps: RemovalSteps = {
    gate: async () => null,
    leftovers: async () => [],
    removeManifest: async () => ({ ...none, deleted: 1, whole: false }),
    removeRest: async () => ({ ...none, deleted: 2, more: false }),
    ...more,
  };
  const noted = <Key extends keyof RemovalSteps>(name: Key): RemovalSteps[Key] =>
    ((about: Going & string) => {
      asked.push(name === "leftovers" ? name : `${name} ${about.set ?? about}`);
      return (steps[name] as (about: Going & string) => unknown)(about);
    }) as RemovalSteps[Key];
  return {
    asked,
    steps: {
      ...{ gate: noted("gate"), leftovers: noted("leftovers") },
      ...{ removeManifest: noted("removeManifest"), removeRest: noted("removeRest") },
    },
  };
}

describe("removal", () => {
  test("asks the gate before each removal, and takes the manifest before the rest", async () => {
    const { asked, steps } = store();
    const done = await runRemovals([daily("a"), daily("b")], steps);
    const each = (set: string) => [
      `gate daily set ${set}`,
      `removeManifest ${set}`,
      `gate daily set ${set}`,
      `removeRest ${set}`,
    ];
    expect(asked).toEqual(["leftovers", ...each("a"), ...each("b")]);
    expect(done).toMatchObject({ removed: [daily("a"), daily("b")], deleted: 6, kept: 0, stopped: null });
  });

  test("finishes what earlier runs left before it begins anything", async () => {
    const { asked, steps } = store({ leftovers: async () => [daily("old")] });
    const done = await runRemovals([daily("a")], steps);
    expect(asked.slice(1, 3)).toEqual(["gate daily set old", "removeRest old"]);
    expect(done).toMatchObject({ finished: [daily("old")], removed: [daily("a")] });
  });

  test("leaves a set whole whose manifest is kept, and goes on with the next", async () => {
    const { asked, steps } = store({
      removeManifest: async ({ set }) =>
        set === "a" ? { ...none, kept: 1, keptUntil: 7, whole: true } : { ...none, whole: false },
    });
    const done = await runRemovals([daily("a"), daily("b")], steps);
    expect(asked).not.toContain("removeRest a");
    expect(done.whole).toEqual([{ ...daily("a"), kept: 1, keptUntil: 7 }]);
    expect(done.removed).toEqual([daily("b")]);
  });

  test("says what of a set is kept, and until when", async () => {
    const answers = [
      { ...none, deleted: 3, kept: 1, keptUntil: 9, more: true },
      { ...none, kept: 1, keptUntil: 8, more: false },
    ];
    const { steps } = store({ removeRest: async () => answers.shift() ?? { ...none, more: false } });
    const done = await runRemovals([daily("a")], steps);
    expect(done.unfinished).toEqual([{ ...daily("a"), kept: 2, keptUntil: 9 }]);
    expect(done.finished).toEqual([]);
  });

  test("stops at once when the gate closes, wherever it is", async () => {
    for (const open of [0, 1, 2, 3]) {
      let asked = 0;
      const { steps, asked: calls } = store({ gate: async () => (asked++ < open ? null : "an incident is on") });
      const done = await runRemovals([daily("a"), daily("b")], steps);
      expect(done.stopped).toBe("an incident is on");
      expect(calls.filter((call) => call.startsWith("remove"))).toHaveLength(open);
      expect(done.removed.map(({ set }) => set)).toEqual(["a", "b"].slice(0, Math.ceil(open / 2)));
      expect(done.unfinished.map(({ set }) => set)).toEqual(open % 2 === 0 ? [] : [open === 1 ? "a" : "b"]);
    }
  });

  test("asks the gate again before each further request for the same set", async () => {
    let left = 3;
    const { asked, steps } = store({ removeRest: async () => ({ ...none, deleted: 1, more: --left > 0 }) });
    await runRemovals([daily("a")], steps);
    expect(asked.filter((call) => call.startsWith("gate"))).toHaveLength(4);
  });

  test("does not ask for ever where nothing moves", async () => {
    const { asked, steps } = store({ removeRest: async () => ({ ...none, more: true }) });
    await runRemovals([daily("a")], steps);
    expect(asked.filter((call) => call.startsWith("removeRest"))).toHaveLength(1);
  });

  test("an error ends the run, and nothing of the next set is touched", async () => {
    const { asked, steps } = store({
      removeRest: async () => {
        throw new Error("the store is gone");
      },
    });
    await expect(runRemovals([daily("a"), daily("b")], steps)).rejects.toThrow("the store is gone");
    expect(asked.at(-1)).toBe("removeRest a");
  });
});
