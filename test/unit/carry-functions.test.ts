import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { addFunction, addProject, bundles } from "../lab/supabase-api/index.ts";
import { CarryScene, outcomeOf } from "./carry-scene.ts";

let scene: CarryScene;
beforeEach(() => {
  scene = new CarryScene();
});

describe("a configuration that is put back into a new project", () => {
  test("brings the functions as they ran, and says so where another bundle runs", async () => {
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration);
    for (const slug of ["grade", "mail"]) expect(outcomeOf(rows, "functions", slug)?.outcome).toBe("carried");
    expect(Buffer.from(scene.target.functions.get("grade")?.body ?? [])).toEqual(bundles.grade);
    expect(scene.target.functions.get("grade")).toMatchObject({ verifyJwt: false, name: "Grade" });
    const other = addProject(scene.world);
    const bundle = {
      name: "grade",
      verifyJwt: false,
      body: Buffer.from("another"),
      type: "application/vnd.denoland.eszip",
    };
    addFunction(other, "grade", bundle, scene.world.clock.now());
    const end = scene.world.faults.inject({ kind: "no-effect", on: /^PATCH .*functions/ });
    const stubborn = await scene.carry(configuration, { ref: other.ref });
    expect(outcomeOf(stubborn, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/not what was kept/),
    });
    expect(end()).toBe(1);
    const missing = await scene.carry(configuration, {
      bodyOf: async () => undefined,
      ref: addProject(scene.world).ref,
    });
    expect(outcomeOf(missing, "functions", "mail")).toMatchObject({
      outcome: "listed",
      next: expect.stringMatching(/sources/),
    });
  });

  test("takes the repository's sources for a function whose body the set has not, and says that they may be others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "functions-"));
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    put("grade/index.ts", 'import { grade } from "../_shared/grade.ts"; Deno.serve(grade);');
    put("grade/deno.json", "{}");
    put("grade/node_modules/heavy.js", "x");
    put("_shared/grade.ts", "export const grade = () => new Response();");
    symlinkSync("/etc/passwd", join(folder, "grade/passwd"));
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration, { functionsFolder: folder, bodyOf: async () => undefined });
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/may not be/),
    });
    expect(outcomeOf(rows, "functions", "mail")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/not at hand/),
    });
    const deployed = scene.target.functions.get("grade");
    expect(deployed).toMatchObject({ verifyJwt: false, entrypoint: "grade/index.ts", importMap: "grade/deno.json" });
    const sent = Buffer.from(deployed?.body ?? []).toString();
    expect(sent).toContain("_shared/grade.ts");
    expect(sent).not.toMatch(/heavy|passwd/);
    rmSync(join(folder, "grade/index.ts"));
    const without = await scene.carry(configuration, {
      functionsFolder: folder,
      bodyOf: async () => undefined,
      ref: addProject(scene.world).ref,
    });
    expect(outcomeOf(without, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/no index/),
    });
  });

  test("has all other functions where one is refused, is damaged in the vault, or is no form as it was said", async () => {
    const configuration = await scene.capture();
    const other = addProject(scene.world);
    addFunction(
      other,
      "grade",
      { name: "grade", verifyJwt: false, body: Buffer.from("x"), type: "x" },
      scene.world.clock.now(),
    );
    const end = scene.world.faults.inject({
      kind: { status: 403, json: { message: "not yours" } },
      on: /^GET .*grade\/body/,
    });
    const rows = await scene.carry(configuration, { ref: other.ref });
    expect(end()).toBe(1);
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({ outcome: "refused", why: "not yours" });
    expect(outcomeOf(rows, "functions", "mail")?.outcome).toBe("carried");

    const damaged = await scene.carry(configuration, {
      ref: addProject(scene.world).ref,
      async bodyOf({ slug }) {
        if (slug === "grade")
          throw new OperationError("artifact-damaged", "functions/grade is damaged", "Use another set.");
        return scene.kept.get(slug);
      },
    });
    expect(outcomeOf(damaged, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/damaged/),
    });
    expect(outcomeOf(damaged, "functions", "mail")?.outcome).toBe("carried");
    const silent = new OperationError("s3-unavailable", "no vault", "Run again.");
    const bodyOf = () => Promise.reject(silent);
    await expect(scene.carry(configuration, { ref: addProject(scene.world).ref, bodyOf })).rejects.toBe(silent);

    const functions = configuration.functions.map((one) =>
      one.slug === "grade" && "type" in one.body
        ? { ...one, body: { ...one.body, type: "multipart/form-data; boundary=none" } }
        : one,
    );
    const formless = await scene.carry({ ...configuration, functions }, { ref: addProject(scene.world).ref });
    expect(outcomeOf(formless, "functions", "grade")).toMatchObject({ outcome: "refused" });
    expect(outcomeOf(formless, "functions", "mail")?.outcome).toBe("carried");
  });

  test("sends no folder of the machine to which a link in the repository leads", async () => {
    const folder = mkdtempSync(join(tmpdir(), "functions-"));
    const outside = mkdtempSync(join(tmpdir(), "outside-"));
    writeFileSync(join(outside, "index.ts"), "// of somebody else");
    mkdirSync(join(folder, "mail"));
    writeFileSync(join(folder, "mail/index.ts"), "Deno.serve(() => new Response());");
    symlinkSync(outside, join(folder, "grade"));
    const options = { functionsFolder: folder, bodyOf: async () => undefined };
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration, options);
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/link/),
    });
    expect(outcomeOf(rows, "functions", "mail")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/may not be/),
    });
    expect(scene.target.functions.has("grade")).toBe(false);
    symlinkSync(outside, join(folder, "_shared"));
    const shared = await scene.carry(configuration, { ...options, ref: addProject(scene.world).ref });
    expect(outcomeOf(shared, "functions", "mail")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/link/),
    });
  });
});
