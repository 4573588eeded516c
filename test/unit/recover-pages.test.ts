import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { largeObjectsArtifact } from "../../actions/lib/postgres/rows/large-objects.ts";
import {
  type RecoverFacts,
  renderRecoverFilesPage,
  renderRecoverPage,
  templatesIn,
} from "../../actions/lib/recover/pages.ts";
import { functionArtifact, rootKeyArtifact } from "../../actions/lib/supabase/configuration/document.ts";
import type { Artifact } from "../../actions/lib/vault/format/manifest.ts";

const templates = new URL("../../actions/lib/recover/templates/", import.meta.url);

function folderOf(files: Readonly<Record<string, string>>): URL {
  const folder = mkdtempSync(join(tmpdir(), "templates-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

const artifact = (kind: Artifact["kind"], name: string): Artifact => ({ name, kind, plainBytes: 7, segments: [] });
const recipient = { role: "operations" as const, fingerprint: "AB".repeat(20) };

/** @param secrets the set has Vault's secrets, and the configuration with all that may belong to it */
function factsOf(tier: RecoverFacts["tier"], secrets: boolean, database = "postgres"): RecoverFacts {
  return {
    ...{ tier, set: "20261129T023300Z-abc123", snapshotAt: "2026-11-29T02:33:00.000Z" },
    artifacts: [
      ...[artifact("schema", "schema.dump.zst.pgp"), artifact("data", "data/01-a.sql.zst.pgp")],
      ...["02", "03-extension"].map((name) => artifact("sequences", `data/${name}-sequences.sql.zst.pgp`)),
      ...(tier === "daily" ? [] : [artifact("large-objects", largeObjectsArtifact)]),
      ...(tier === "weekly" ? [artifact("json", "json/a.pgp")] : []),
      ...(tier === "monthly" ? [] : [artifact("configuration", "configuration.json.zst.pgp")]),
      ...(secrets ? [artifact("configuration", functionArtifact("grade")), artifact("secrets", rootKeyArtifact)] : []),
    ],
    sealing: {
      ...{ format: "openpgp-seipd1-aes256", compression: "zstd", sessionKeyCommitment: "x", recipients: [recipient] },
      ...(secrets && { secrets: { recipients: [recipient], sessionKeyCommitment: "y" } }),
    },
    source: { projectRef: "abcdefghijklmnopqrst", database, serverVersion: "17.6 (Debian)", serverMajor: 17 },
  };
}

describe("a template", () => {
  test("takes each value quoted as the place wants it, its own words as they are, and loses notes and what is nothing", () => {
    const render = templatesIn(
      folderOf({
        "page.md":
          "«# for\nthe reader»\n# «name» «code name»\n\n«none»\n\n«more»\n\n```sh\necho «word» 's/«pattern name»/x/'\n«some.sql»\n```\n",
        "some.sql": "«# not printed»\nselect «name», array[«names»], «own»;\n",
        "more.md": "More of «word».\n",
      }),
    );
    const values = { name: "it's *a\\b", word: "17", names: ["a", "b\nSQL"], own: { own: "now()" }, none: null };
    expect(render("page.md", { ...values, more: { file: "more.md" } })).toBe(
      [
        "# it's \\*a\\\\b `it's *a\\b`\n\nMore of 17.\n",
        "```sh",
        "echo 17 's/it'\\''s \\*a\\\\b/x/'",
        "select E'it''s *a\\\\b', array['a', E'b\\nSQL'], now();",
        "```\n",
      ].join("\n"),
    );
  });

  test("and its values name each other, or it is an error that says which", () => {
    const render = templatesIn(folderOf({ "page.md": "«one» «toString»\n", "one.md": "«odd one»\n" }));
    expect(() => render("page.md", { one: "1" })).toThrow("page.md: no value is given for «toString».");
    expect(() => render("page.md", { one: "1", toString: "2", three: "3" })).toThrow(
      "no placeholder is there for three",
    );
    expect(() => render("one.md", { one: "1" })).toThrow("how «odd one» is quoted");
  });

  test.each(["a'b", "$(id)", "`id`", "a\nb", 'a"b', "a;b"])("lets no %j into a script", (value) => {
    expect(() => templatesIn(folderOf({ "one.sh": "echo «one»\n" }))("one.sh", { one: value })).toThrow(
      "a shell obeys",
    );
  });
});

describe("the pages", () => {
  const tiers = ["daily", "weekly", "monthly"] as const;
  const pages = tiers.flatMap((tier) => [true, false].map((secrets) => renderRecoverPage(factsOf(tier, secrets))));

  test("are made of all templates, leave no placeholder and no note behind, and number their steps", () => {
    for (const page of [...pages, renderRecoverFilesPage()]) {
      expect(page).not.toMatch(/[«»]|\bundefined\b|\n{3}|\[object/);
      const steps = [...page.matchAll(/^## (\d+)\. /gm)].map(([, step]) => Number(step));
      expect(steps).toEqual(steps.map((_, at) => at + 1));
    }
    const texts = readdirSync(templates).map((name) => readFileSync(new URL(name, templates), "utf8"));
    const naming = [...texts, readFileSync(new URL("../pages.ts", templates), "utf8")].join("\n");
    expect(readdirSync(templates).filter((name) => !new RegExp(`«${name}»|"${name}"`).test(naming))).toEqual([]);
  });

  test("say how the configuration is read, its functions and root key where they are there, or that there is none", () => {
    const [withAll, without] = [
      renderRecoverPage(factsOf("daily", true)),
      renderRecoverPage(factsOf("monthly", false)),
    ];
    for (const way of ["configuration() {", "open_artifact functions/grade.zst.pgp", `secrets.pgp ${rootKeyArtifact}`])
      expect([withAll.includes(way), without.includes(way)]).toEqual([true, false]);
    expect(without).toMatch(/It is not in this set: no access token/);
  });

  test("need no pg_restore, for large objects either", () => {
    const [without, withThem] = [renderRecoverPage(factsOf("daily", true)), renderRecoverPage(factsOf("weekly", true))];
    expect(without).not.toContain("large-objects");
    expect(withThem).toContain(`open_artifact ${largeObjectsArtifact} | without_commands | sql`);
    expect(withThem).not.toContain("pg_restore");
  });

  test("let no name of a database out of its place", () => {
    const page = renderRecoverPage(factsOf("monthly", true, "x'\nSQL\nid\n```\n```sh\nid\n"));
    expect(page.split("\n").filter((line) => /^(id|SQL|```(sh)?)$/.test(line))).toEqual(
      renderRecoverPage(factsOf("monthly", true))
        .split("\n")
        .filter((line) => /^(id|SQL|```(sh)?)$/.test(line)),
    );
  });
});
