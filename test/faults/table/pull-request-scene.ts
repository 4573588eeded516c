import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { codeOwnerProblems } from "../../../scripts/check/code-owners.ts";
import { productionProblems } from "../../../scripts/check/lockfile.ts";
import { workflowRuleProblems } from "../../../scripts/check/workflow-rules.ts";
import type { FaultRow, Seen } from "./row.ts";

const root = new URL("../../..", import.meta.url).pathname;
const parts = [".github", ".npmrc", "actions", "scripts", "package.json", "package-lock.json", "lifeboat.config.ts"];

/** A change that somebody proposes. */
export interface PullRequest {
  write(path: string, text: string): void;
  /** Refuses to change nothing. */
  change(path: string, from: string | RegExp, to: string): void;
}

export interface PullRequestRow extends FaultRow<PullRequest, void> {
  /** What `npm run check`, which main asks for, has to say of it. */
  readonly code: RegExp;
}

/** A copy of the checkout. "failed by name": the check of every pull request refuses it. */
export class PullRequests implements AsyncDisposable {
  readonly #copy: string;

  private constructor(copy: string) {
    this.#copy = copy;
  }

  static async open(): Promise<PullRequests> {
    const copy = mkdtempSync(join(tmpdir(), "pull-request-"));
    for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
    return new PullRequests(copy);
  }

  async run(row: PullRequestRow): Promise<Seen> {
    const before = new Map<string, string | undefined>();
    const read = (path: string): string | undefined => {
      try {
        return readFileSync(join(this.#copy, path), "utf8");
      } catch {
        return undefined;
      }
    };
    const write = (path: string, text: string): void => {
      if (!before.has(path)) before.set(path, read(path));
      mkdirSync(dirname(join(this.#copy, path)), { recursive: true });
      writeFileSync(join(this.#copy, path), text);
    };
    const change: PullRequest["change"] = (path, from, to) => {
      const text = read(path) ?? "";
      const changed = text.replace(from, () => to);
      if (changed === text) throw new Error(`${path} does not hold ${from}`);
      write(path, changed);
    };
    await row.inject({ write, change });
    const problems = this.#problems();
    for (const [path, text] of before) {
      if (text === undefined) rmSync(join(this.#copy, path));
      else writeFileSync(join(this.#copy, path), text);
    }
    const broken = this.#problems().map((problem) => `without the change: ${problem}`);
    const found = problems.find((problem) => row.code.test(problem)) ?? problems[0];
    const outcome = found === undefined ? "false success" : "failed by name";
    return { outcome, code: found, broken, falseSuccess: found === undefined };
  }

  #problems(): string[] {
    return [...workflowRuleProblems(this.#copy), ...codeOwnerProblems(this.#copy), ...productionProblems(this.#copy)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#copy, { recursive: true, force: true });
  }
}
