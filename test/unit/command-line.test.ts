import { describe, expect, test } from "vitest";
import { dryRun, parseCall, type Usage } from "../../scripts/cli/command.ts";

const usage: Usage = {
  synopsis: "restore <set>",
  summary: "",
  positionals: ["set|latest"],
  options: { target: { type: "string", value: "NAME", help: "" }, ...dryRun },
};

describe("the command line", () => {
  test("is read into flags, values and arguments", () => {
    const call = parseCall("restore", usage, ["latest", "--target", "staging", "--dry-run", "--json"]);
    expect(call).toEqual({
      positionals: ["latest"],
      flags: { "dry-run": true, json: true },
      values: { target: "staging" },
    });
  });

  test.each([
    ["an unknown option", ["latest", "--forse"]],
    ["a missing argument", []],
    ["one argument too many", ["latest", "older"]],
    ["an option without its value", ["latest", "--target"]],
  ])("%s is refused as wrong use", (_, args) => {
    expect(() => parseCall("restore", usage, args)).toThrow(expect.objectContaining({ code: "usage", exitCode: 2 }));
  });

  test("help needs no arguments", () => {
    expect(parseCall("restore", usage, ["--help"]).flags["help"]).toBe(true);
  });
});
