import { expect, test } from "vitest";
import { drawFloors, floorProblems, type Import, readImports, sizeProblems } from "../../scripts/check/floors.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Imports written `from > to`, below actions/lib unless they begin with a slash. */
function problems(...arrows: readonly string[]): string[] {
  const path = (text: string): string => (text.startsWith("/") ? text.slice(1) : `actions/lib/${text}`);
  const imports = arrows.map((arrow): Import => {
    const [from = "", to = ""] = arrow.split(" > ").map(path);
    return { from, to };
  });
  return floorProblems([...new Set(imports.flatMap(({ from, to }) => [from, to]))], imports);
}

test("the imports of the checkout lead down only, without a circle of files or folders", () => {
  const { files, imports } = readImports(root);
  expect(files.length).toBeGreaterThan(300);
  expect(imports.length).toBeGreaterThan(files.length);
  expect(floorProblems(files, imports)).toEqual([]);
  const drawn = drawFloors(files, imports).map((line) => line.trim());
  expect(drawn.indexOf("edge")).toBeLessThan(drawn.indexOf("vault"));
  expect(drawn.indexOf("vault")).toBeLessThan(drawn.indexOf("base"));
});

test("an import of a higher floor is refused with the rooms between which the thing belongs", () => {
  expect(problems("vault/client.ts > base/errors.ts")).toEqual([]);
  const [problem, ...others] = problems(
    "base/stages.ts > postgres/sqlstate.ts",
    "postgres/sqlstate.ts > config/secret.ts",
  );
  expect(others).toEqual([]);
  expect(problem).toContain("actions/lib/base/stages.ts imports actions/lib/postgres/sqlstate.ts");
  expect(problem).toContain("down to base or lower, or the importer up to postgres");
});

test("a circle of files is refused, with its way", () => {
  const [problem, ...others] = problems("seal/a.ts > seal/b.ts", "seal/b.ts > seal/c.ts", "seal/c.ts > seal/a.ts");
  expect(others).toEqual([]);
  const way = ["a", "b", "c", "a"].map((name) => `actions/lib/seal/${name}.ts`);
  expect(problem).toContain(way.join(" imports "));
});

test("a circle of folders is refused at every depth, with the fewest imports that would have to turn round", () => {
  const rooms = problems("seal/a.ts > storage/x.ts", "seal/b.ts > storage/x.ts", "storage/y.ts > seal/a.ts");
  expect(rooms).toHaveLength(1);
  expect(rooms[0]).toContain("in actions/lib: a circle of folders");
  expect(rooms[0]).toContain("(1): actions/lib/storage/y.ts imports actions/lib/seal/a.ts");
  const verbs = problems(
    "operations/sync/a.ts > operations/backup/b.ts",
    "operations/backup/c.ts > operations/sync/d/e.ts",
  );
  expect(verbs.join("\n")).toContain("in actions/lib/operations: a circle of folders");
  const steps = problems(
    "operations/sync/a.ts > operations/sync/copy/b.ts",
    "operations/sync/copy/c.ts > operations/sync/d.ts",
  );
  expect(steps.join("\n")).toContain("in actions/lib/operations/sync: a circle of folders");
});

test("the core imports no edge, and has no room that is on no floor", () => {
  expect(problems("vault/client.ts > /scripts/lifeboat.ts").join("\n")).toContain("which is an edge");
  expect(problems("vault/client.ts > /actions/restore/main.ts").join("\n")).toContain("which is an edge");
  expect(problems("utils/a.ts > base/errors.ts").join("\n")).toContain('no room "utils"');
});

test("a file that is too long, imports too much, or brings a backup too far is named with what to do", () => {
  const many = (from: string, count: number): Import[] =>
    Array.from({ length: count }, (_, number) => ({ from, to: `actions/lib/base/${number}.ts` }));
  const main = { from: "actions/backup-database/main.ts", to: "actions/lib/edge/action.ts" };
  expect(sizeProblems(new Map([["actions/lib/base/a.ts", 300]]), [main, ...many(main.to, 18)])).toEqual([]);
  expect(sizeProblems(new Map([["actions/lib/base/a.ts", 301]]), [])).toEqual([
    expect.stringContaining("actions/lib/base/a.ts has 301 lines"),
  ]);
  // Twice the same import is one.
  const fan = [...many(main.to, 19), ...many(main.to, 19)];
  expect(sizeProblems(new Map(), fan)).toEqual([expect.stringContaining(`${main.to} imports 19 files`)]);
  const far = Array.from({ length: 215 }, (_, at) => ({ from: at === 0 ? main.to : `${at - 1}.ts`, to: `${at}.ts` }));
  expect(sizeProblems(new Map(), far)).toEqual([]);
  expect(sizeProblems(new Map(), [main, ...far])).toEqual([expect.stringContaining("A backup reaches 216 files")]);
});
