import { describe, expect, test } from "vitest";
import { type Command, dryRun, parseCall } from "../../scripts/cli/command.ts";

const command: Command = {
  usage: {
    synopsis: "restore <set>",
    summary: "",
    positionals: ["set|latest"],
    options: { target: { type: "string", value: "NAME", help: "" }, ...dryRun },
  },
  run: async () => ({ json: null, lines: [] }),
};

describe("the command line", () => {
  test("is read into flags, values and arguments", () => {
    const call = parseCall("restore", command, ["latest", "--target", "staging", "--dry-run", "--json"]);
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
    expect(() => parseCall("restore", command, args)).toThrow(expect.objectContaining({ code: "usage", exitCode: 2 }));
  });

  test("only a command whose runs are reported can be told to be quiet about one", () => {
    const reported: Command = { ...command, reported: { operation: "restore", runbook: "runbooks/restore-failed.md" } };
    expect(parseCall("restore", reported, ["latest", "--quiet-run"]).flags["quiet-run"]).toBe(true);
    expect(() => parseCall("restore", command, ["latest", "--quiet-run"])).toThrow(/quiet-run/);
  });

  test("help needs no arguments", () => {
    expect(parseCall("restore", command, ["--help"]).flags["help"]).toBe(true);
  });
});
