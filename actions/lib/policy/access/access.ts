import { type RoleName, roleNames, roles, statementsOf } from "../cloud/roles.ts";
import type { SeenEnvironment } from "../repository/drift.ts";

/** What somebody can do. `open`: read what is sealed. `remove`: delete what no lock keeps. `unlock`: undo a lock. `approve`: let a job have an environment. */
export type Power = "open" | "restore" | "remove" | "unlock" | "approve" | "sign" | "administer" | "change" | "read";

export interface Grant {
  readonly can: Power;
  /** A key, an account, a team, the jobs of an environment. */
  readonly who: string;
  /** By what: a protected environment, a role of AWS, a right on the repository. */
  readonly by: string;
}

/** A key, with its fingerprint and the name in it; null: not made yet. */
export interface HeldKey {
  readonly role: "operations" | "prover" | "escrow" | "signing";
  readonly fingerprint: string;
  readonly name: string | null;
}

export interface Collaborator {
  readonly login: string;
  /** GitHub's, e.g. `admin`, `maintain`, `write`, `triage`, `read`. */
  readonly role: string;
}

const places: Readonly<Record<HeldKey["role"], string>> = {
  operations: "secret of the environment restore",
  prover: "secret of the environments proving and drill",
  escrow: "offline, with its holder (runbooks/contacts.md)",
  signing: "secret of the environment backup",
};

/** Who has a private key, and what it is for. */
export function grantsOfKeys(keys: readonly HeldKey[]): Grant[] {
  return keys.map(({ role, fingerprint, name }) => ({
    can: role === "signing" ? "sign" : "open",
    who: `${role} key ${fingerprint}${name === null ? "" : ` (${name})`}`,
    by: places[role],
  }));
}

/** The environments of GitHub whose jobs take a role. */
export const environmentNames: readonly string[] = [
  ...new Set(roleNames.flatMap((name) => roles[name].environment ?? [])),
].sort();

/** What the matrix of roles lets jobs and people do with the vault. */
export function grantsOfRoles(): Grant[] {
  return roleNames.flatMap((name) => {
    const allowed = new Set(
      statementsOf(roles[name])
        .filter(({ Effect }) => Effect === "Allow")
        .flatMap(({ Action }) => Action),
    );
    const denied = new Set(
      statementsOf(roles[name])
        .filter(({ Effect, Condition }) => Effect === "Deny" && Condition === undefined)
        .flatMap(({ Action }) => Action),
    );
    const may = (action: string): boolean =>
      allowed.has(action) && (action === "s3:DeleteObjectVersion" || !denied.has(action));
    const powers: Power[] = [
      ...(restoring.has(name) ? (["restore"] as const) : []),
      ...(may("s3:DeleteObjectVersion") ? (["remove"] as const) : []),
      ...(may("s3:BypassGovernanceRetention") ? (["unlock"] as const) : []),
      ...(may("s3:GetObject") ? (["read"] as const) : []),
    ];
    const { environment } = roles[name];
    const who =
      environment === null ? `a person who is given ${roles[name].resource}` : `jobs of the environment ${environment}`;
    return powers.map((can) => ({ can, who, by: `AWS role ${name}` }));
  });
}

/** Roles whose jobs hold a key that opens, and write a target with it. */
const restoring: ReadonlySet<RoleName> = new Set(["restore", "proving", "drill"]);

/** Who lets a job have the secrets of an environment; where nobody is asked, everybody who can change what runs there. */
export function grantsOfEnvironments(seen: readonly SeenEnvironment[]): Grant[] {
  return seen.flatMap(({ name, reviewers, branches }): Grant[] => {
    const from =
      branches === "all" ? "every branch" : branches === "protected" ? "protected branches" : branches.join(", ");
    const by = `environment ${name}, runs of ${from}`;
    if (reviewers.length === 0) return [{ can: "approve", who: "nobody is asked", by }];
    return reviewers.map((who) => ({ can: "approve", who, by }));
  });
}

/** Who can change what runs, or the rules around it. */
export function grantsOfCollaborators(people: readonly Collaborator[]): Grant[] {
  return people.map(({ login, role }) => ({
    can: role === "admin" ? "administer" : role === "write" || role === "maintain" ? "change" : "read",
    who: login,
    by: `${role} of the repository`,
  }));
}

export interface AccessDifference {
  readonly added: readonly Grant[];
  readonly removed: readonly Grant[];
}

const nameOf = ({ can, who, by }: Grant): string => JSON.stringify([can, who, by]);

export function accessDifference(before: readonly Grant[], now: readonly Grant[]): AccessDifference {
  const [had, has] = [new Set(before.map(nameOf)), new Set(now.map(nameOf))];
  return {
    added: now.filter((one) => !had.has(nameOf(one))),
    removed: before.filter((one) => !has.has(nameOf(one))),
  };
}
