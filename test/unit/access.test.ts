import { describe, expect, test } from "vitest";
import {
  accessDifference,
  environmentNames,
  grantsOfCollaborators,
  grantsOfEnvironments,
  grantsOfKeys,
  grantsOfRoles,
} from "../../actions/lib/policy/access/access.ts";

const who = (can: string) =>
  grantsOfRoles()
    .filter((one) => one.can === can)
    .map((one) => one.by);

describe("who can do what", () => {
  test("with the vault is what the matrix of roles says: few remove, one undoes locks", () => {
    expect(who("remove").sort()).toEqual([
      "AWS role erasure",
      "AWS role keys",
      "AWS role replica-retention",
      "AWS role retention",
    ]);
    expect(who("unlock")).toEqual(["AWS role erasure"]);
    expect(who("restore")).toEqual(["AWS role proving", "AWS role drill", "AWS role restore"]);
    expect(environmentNames).toContain("restore");
  });

  test("with an environment is whom GitHub asks; where it asks nobody, that is said", () => {
    expect(
      grantsOfEnvironments([
        { name: "restore", branches: ["main"], reviewers: ["ada", "platform"] },
        { name: "backup", branches: "all", reviewers: [] },
      ]),
    ).toEqual([
      { can: "approve", who: "ada", by: "environment restore, runs of main" },
      { can: "approve", who: "platform", by: "environment restore, runs of main" },
      { can: "approve", who: "nobody is asked", by: "environment backup, runs of every branch" },
    ]);
  });

  test("with keys and the repository is told by name", () => {
    const key = { role: "escrow" as const, fingerprint: "AB".repeat(20), name: "escrow of qimma" };
    expect(grantsOfKeys([key, { ...key, role: "signing" }]).map(({ can }) => can)).toEqual(["open", "sign"]);
    const people = [
      { login: "ada", role: "admin" },
      { login: "grace", role: "write" },
      { login: "joan", role: "read" },
    ];
    expect(grantsOfCollaborators(people).map(({ can }) => can)).toEqual(["administer", "change", "read"]);
  });
});

test("the difference to an earlier review names what was given and what was taken, and nothing else", () => {
  const ada = { can: "administer", who: "ada", by: "admin of the repository" } as const;
  const grace = { can: "change", who: "grace", by: "write of the repository" } as const;
  const raised = { ...grace, can: "administer", by: "admin of the repository" } as const;
  expect(accessDifference([ada, grace], [raised, ada])).toEqual({ added: [raised], removed: [grace] });
  expect(accessDifference([ada], [ada])).toEqual({ added: [], removed: [] });
});
