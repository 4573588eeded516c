import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ActRun, type Checkout, checkOut } from "./checkout.ts";

/** The workflow that shows the dashboard, as act runs it; the actions that upload and deploy are stand-ins. */

let checkout: Checkout;
beforeAll(() => {
  checkout = checkOut({}, "");
});
afterAll(() => checkout?.[Symbol.dispose]());

function run(vars: Record<string, string>): Promise<ActRun> {
  return checkout.run("pages", { name: "workflow_dispatch", secrets: {}, vars, env: {} });
}

/** The branch reports as it is from now on. */
function publish(files: readonly string[], links: Readonly<Record<string, string>> = {}): void {
  const folder = mkdtempSync(join(tmpdir(), "dashboard-"));
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, stdio: "ignore" });
  mkdirSync(join(folder, "dashboard"));
  for (const name of files) writeFileSync(join(folder, "dashboard", name), name);
  for (const [name, to] of Object.entries(links)) symlinkSync(to, join(folder, "dashboard", name));
  git("init", "--quiet");
  git("add", "--all");
  git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--no-gpg-sign", "--quiet", "-m", "x");
  git("push", "--quiet", "--force", checkout.origin, "HEAD:refs/heads/reports");
  rmSync(folder, { recursive: true });
}

test("the page is shown where the owner has switched it on, and nothing beside it; elsewhere nothing happens", async () => {
  publish(["index.html", "status.json", "badge.svg", "other.txt"]);
  const off = await run({});
  expect(off.code, off.output).toBe(0);
  expect(off.output).not.toContain("Take the page");

  const on = await run({ LIFEBOAT_PAGES: "on" });
  expect(on.code, on.output).toBe(0);
  expect(on.output).toMatch(/badge\.svg[\s\S]*index\.html[\s\S]*status\.json/);
  expect(on.output).not.toContain("other.txt");
  expect(on.output).toContain("Success - Main Deploy");
});

test("a page that is not there, or leads elsewhere, is not shown and names what to read", async () => {
  publish(["status.json", "badge.svg"], { "index.html": "/etc/passwd" });
  const refused = await run({ LIFEBOAT_PAGES: "on" });
  expect(refused.code).toBe(1);
  expect(refused.output).toContain("no dashboard/index.html that can be shown");
  expect(refused.output).toContain("runbooks/monitor-silent.md");
  expect(refused.output).not.toContain("Main Upload");
});
