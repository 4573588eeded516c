import { describe, expect, test } from "vitest";
import { z } from "zod";
import { commandHelp, parseArguments, synopsisOf } from "../../actions/lib/edge/command-line.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { dryRun, field, flag } from "../../actions/lib/operations/field.ts";
import { defineOperation } from "../../actions/lib/operations/operation.ts";

const operation = defineOperation({
  name: "restore",
  summary: "",
  inputs: z.object({
    set: field(z.string().optional(), { positional: true, unless: "abandon", value: "set|latest", help: "" }),
    target: field(z.string().default("default"), { value: "NAME", help: "" }),
    tier: field(z.enum(["daily", "weekly"]).optional(), { value: "TIER", help: "" }),
    days: field(z.coerce.number().int().min(1).max(9).default(7), { help: "", form: "a whole number from 1 to 9" }),
    abandon: flag("", { only: { edge: "command", why: "a person looks" } }),
    part: field(z.string().optional(), { help: "", only: { edge: "action", why: "runners share" } }),
    due: field(z.string().default("never"), { help: "", actionDefault: "always" }),
    token: field(z.string().optional(), { help: "", expression: "github.token" }),
    ...dryRun,
  }),
  writes: ["target"],
  run: async () => ({ result: null }),
});
const typed = (...args: string[]) => readInputs(operation, "command", parseArguments(operation, args));
const given = (inputs: Record<string, string>) => readInputs(operation, "action", inputs);
const usage = (message: RegExp) =>
  expect.objectContaining({ code: "usage", exitCode: 2, message: expect.stringMatching(message) });

describe("the command line", () => {
  test("is read into the inputs of the declaration", () => {
    expect(typed("latest", "--target", "staging", "--dry-run", "--days", "3", "--json")).toEqual({
      ...{ set: "latest", target: "staging", days: 3, dryRun: true, abandon: false, due: "never" },
    });
  });

  test.each([
    ["an unknown option", ["latest", "--forse"], /forse/],
    ["a missing argument", [], /'restore' needs <set\|latest>/],
    ["one argument too many", ["latest", "older"], /takes <set\|latest>/],
    ["an option without its value", ["latest", "--target"], /target/],
    ["a word that is no choice", ["latest", "--tier", "yearly"], /--tier is 'yearly'/],
    ["a number out of bounds", ["latest", "--days", "10"], /--days is '10'/],
    ["a word for a number", ["latest", "--days", "few"], /--days is 'few'/],
    ["nothing for a number", ["latest", "--days", " "], /--days is empty/],
    ["an input of the action alone", ["latest", "--part", "2"], /part/],
  ])("%s is refused as wrong use", (_, args, message) => {
    expect(() => typed(...args)).toThrow(usage(message));
  });

  test("an argument may be left out with the flag that spares it", () => {
    expect(typed("--abandon")).toMatchObject({ abandon: true });
  });

  test("only a command whose runs are reported can be told to be quiet about one", () => {
    const reported = { ...operation, reported: { label: "Restore" } };
    expect(parseArguments(reported, ["latest", "--quiet-run"])["quiet-run"]).toBe(true);
    expect(() => parseArguments(operation, ["latest", "--quiet-run"])).toThrow(/quiet-run/);
  });

  test("help needs no arguments, and shows what is typed and nothing of the action's", () => {
    expect(parseArguments(operation, ["--help"])["help"]).toBe(true);
    expect(synopsisOf(operation)).toBe("restore <set|latest>");
    const help = commandHelp(operation).join("\n");
    expect(help).toContain("--target NAME");
    expect(help).not.toContain("--part");
  });
});

describe("the inputs of an action", () => {
  test("are read by the same declaration, with what the action takes when nothing is given", () => {
    expect(given({ set: "latest", "dry-run": "True", part: "2" })).toMatchObject({
      ...{ set: "latest", dryRun: true, part: "2", due: "always", days: 7, target: "default" },
    });
    expect(given({ set: "latest" })).not.toHaveProperty("token");
  });

  test.each([
    ["a missing one", {}, /The input set is not given/],
    ["a word that is no choice", { set: "latest", tier: "yearly" }, /The input tier is 'yearly'/],
    ["something between true and false", { set: "latest", "dry-run": "perhaps" }, /The input dry-run is 'perhaps'/],
    ["one that a person alone may give", { abandon: "true" }, /The input set is not given/],
  ])("%s is refused as wrong use", (_, inputs, message) => {
    expect(() => given(inputs)).toThrow(usage(message));
  });
});
