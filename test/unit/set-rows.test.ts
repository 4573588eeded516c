import { expect, test } from "vitest";
import type { TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import { createRowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { blockBegin, blockEnd, dataHeader } from "../../actions/lib/postgres/rows/data-sql.ts";
import type { Artifact } from "../../actions/lib/vault/format/manifest.ts";
import { misplacedRows, rows } from "../../actions/lib/vault/sets/rows.ts";
import { pieces } from "./archive-writer.ts";

const bytesOf = (text: string) => Buffer.from(text);

function hashed(text: string) {
  const hasher = createRowHasher(1);
  hasher.push(bytesOf(text));
  return hasher.finish();
}

/** A set of `big` in three slices (the second without rows), and of `one` and `none` in one file. */
function scene() {
  const table = (name: string, whole: string, parts: readonly (readonly [string, string])[]): TableContent => ({
    ...{
      schema: "public",
      name,
      oid: name,
      columns: ["id"],
      bytes: 8192,
      extension: null,
      carried: true,
      filter: null,
    },
    ...{ unlogged: false, fingerprint: hashed(whole) },
    parts: parts.map(([artifact, text]) => ({ artifact, ...hashed(text) })),
  });
  const slice = (number: number) => `data/01-public.big.00${number}.sql.zst.pgp`;
  const group = "data/02-tables.sql.zst.pgp";
  const big = table("big", "1\n2\n3\n", [
    [slice(1), "1\n2\n"],
    [slice(2), ""],
    [slice(3), "3\n"],
  ]);
  const one = table("one", "7\n", [[group, "7\n"]]);
  const none = table("none", "", [[group, ""]]);
  const texts = new Map<string, [TableContent, string][]>([
    [slice(1), [[big, "1\n2\n"]]],
    [slice(2), [[big, ""]]],
    [slice(3), [[big, "3\n"]]],
    [
      group,
      [
        [none, ""],
        [one, "7\n"],
      ],
    ],
  ]);
  const artifact = (name: string, tables: string[]): Artifact => ({
    ...{ name, kind: "data", plainBytes: 1, tables },
    segments: [],
  });
  const artifacts = [
    ...[1, 2, 3].map((number) => artifact(slice(number), ["public.big"])),
    artifact(group, ["public.none", "public.one"]),
  ];
  const open = {
    manifest: { artifacts } as never,
    async *artifact(name: string) {
      const blocks = texts.get(name) ?? [];
      const parts = blocks.flatMap(([one, text]) => [blockBegin(one), bytesOf(text), blockEnd]);
      yield* pieces(Buffer.concat([dataHeader, ...parts]), 7);
    },
  };
  return { inventory: { tables: [big, one, none] }, artifacts, texts, open, big, one, none, slice, group };
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
}

test("a table's rows are read whole or slice by slice, wherever they lie", async () => {
  const { open, inventory, big, one, none } = scene();
  expect(await textOf(rows(open, inventory, big))).toBe("1\n2\n3\n");
  expect(await textOf(rows(open, inventory, big, 2))).toBe("3\n");
  expect(await textOf(rows(open, inventory, big, 1))).toBe("");
  expect(await textOf(rows(open, inventory, one))).toBe("7\n");
  expect(await textOf(rows(open, inventory, none))).toBe("");
});

test.each(["2\n", "1\n2\n3\n", ""])("rows that are not the part's are refused (%j)", async (text) => {
  const { open, inventory, texts, big, slice } = scene();
  texts.set(slice(1), [[big, text]]);
  await expect(textOf(rows(open, inventory, big))).rejects.toMatchObject({ code: "rows-differ" });
});

test("a part whose artifact is not there, or holds another table, is refused", async () => {
  const { open, inventory, artifacts, big, slice } = scene();
  const lost = { ...open, manifest: { artifacts: artifacts.slice(1) } as never };
  await expect(textOf(rows(lost, inventory, big))).rejects.toMatchObject({ code: "rows-missing" });
  artifacts[0] = { ...(artifacts[0] as Artifact), tables: ["public.one"] };
  await expect(textOf(rows(open, inventory, big))).rejects.toMatchObject({ code: "rows-malformed" });
  artifacts[0] = { ...(artifacts[0] as Artifact), name: slice(1), tables: ["public.other"] };
  await expect(textOf(rows(open, inventory, big))).rejects.toMatchObject({ code: "table-unknown" });
});

test("a set whose lists agree has nothing misplaced", () => {
  const { artifacts, inventory } = scene();
  expect(misplacedRows({ artifacts }, inventory)).toEqual([]);
});

type Scene = ReturnType<typeof scene>;
const partsOf = ({ big }: Scene) => big.parts ?? [];

test.each<[string, string, (scene: Scene) => void]>([
  ["lost", "slice-missing", ({ artifacts }) => artifacts.splice(1, 1)],
  ["lost from the list too", "parts-differ", (one) => void partsOf(one).pop()],
  ["there twice", "slice-twice", (one) => void partsOf(one).push(...partsOf(one).slice(2))],
  ["out of order", "slices-disordered", (one) => void partsOf(one).reverse()],
  ["another table's", "slice-missing", ({ artifacts }) => void artifacts[2]?.tables?.splice(0, 1, "public.one")],
  [
    "not alone in its file",
    "slices-disordered",
    ({ artifacts, big, group }) => {
      artifacts[3]?.tables?.push("public.big");
      big.parts?.splice(1, 1, { artifact: group, rows: "0", hash: "0" });
      artifacts.splice(1, 1);
    },
  ],
  ["named twice", "slice-twice", ({ artifacts }) => void artifacts[0]?.tables?.push("public.big")],
  ["of no known table", "table-unknown", ({ artifacts }) => void artifacts[0]?.tables?.push("public.other")],
  ["of no part", "table-unknown", ({ artifacts }) => void artifacts[3]?.tables?.push("public.big")],
])("a slice that is %s is found", (_how, code, change) => {
  const made = scene();
  change(made);
  expect(misplacedRows({ artifacts: made.artifacts }, made.inventory).map((one) => one.code)).toContain(code);
});

test("a table in no artifact is found", () => {
  const made = scene();
  made.one.parts = [];
  expect(misplacedRows({ artifacts: made.artifacts }, made.inventory)).toContainEqual(
    expect.objectContaining({ code: "table-missing", what: expect.stringContaining("public.one") }),
  );
});
