import { describe, expect, test } from "vitest";
import { assertSchemaComplete, movedObjects } from "../../actions/lib/compare/dump-checks.ts";
import type { TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";
import type { InventoryObject } from "../../actions/lib/postgres/inventory/model.ts";

const entry = (values: Partial<TocEntry>): TocEntry => ({
  ...{
    dumpId: 1,
    tableOid: "0",
    oid: "0",
    tag: "",
    desc: "TABLE",
    section: "pre-data",
    defn: "",
    dropStmt: "",
    copyStmt: "",
  },
  ...{ namespace: null, tablespace: null, owner: "", tableam: null, dependencies: [], hasData: false },
  ...values,
});
const object = (values: Partial<InventoryObject>): InventoryObject => ({
  ...{
    kind: "function",
    identity: "public.f()",
    schema: "public",
    classId: "1255",
    oid: "1",
    owner: "o",
    definition: "d",
  },
  ...{ grants: null, comment: null, extension: null, listed: true },
  ...values,
});

describe("a dump is held against the catalogue", () => {
  test("an object that it lacks is named", () => {
    const objects = [
      object({}),
      object({ oid: "2", identity: "public.lost()" }),
      object({ oid: "3", identity: "inline", listed: false }),
    ];
    expect(() => assertSchemaComplete({ objects }, [entry({ tableOid: "1255", oid: "1" })])).toThrow(
      /lacks 1 .*function public\.lost\(\)/,
    );
  });

  test("the same OID in another catalogue is another object", () => {
    expect(() => assertSchemaComplete({ objects: [object({})] }, [entry({ tableOid: "1259", oid: "1" })])).toThrow(
      /public\.f/,
    );
  });

  test("a definition that changed, or went, has moved; what came later, a grant or a large object has not", () => {
    const before = [object({}), object({ oid: "2" }), object({ oid: "3" }), object({ oid: "4", kind: "large object" })];
    const after = [
      object({ grants: [], comment: "new" }),
      object({ oid: "2", definition: "other" }),
      object({ oid: "9" }),
    ];
    expect(movedObjects(before, after).map((moved) => moved.oid)).toEqual(["2", "3"]);
  });
});
