import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { statusSchema } from "../../actions/lib/report/dashboard/status.ts";
import { openPage } from "../lab/browser.ts";
import { withClient } from "../lab/index.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Runs the demo with a temporary folder of its own. @param interruptAt Ctrl-C, as soon as it says this */
async function demo(args: readonly string[], interruptAt?: string) {
  const folder = mkdtempSync(join(tmpdir(), "demo-"));
  // As /tmp itself: the servers' account, when we are root, passes through.
  chmodSync(folder, 0o711);
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [join(root, "scripts/demo.ts"), "--size", "1MB", ...args], { cwd: root, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      const before = output;
      output += chunk;
      if (interruptAt !== undefined && output.includes(interruptAt) && !before.includes(interruptAt))
        child.kill("SIGINT");
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output, folder, last: output.trimEnd().split("\n").at(-1) ?? "" };
}

/** Whether the folder is empty, perhaps after the moment that the last folder takes to go. */
async function becomesEmpty(folder: string): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (readdirSync(folder).length === 0) return true;
    await sleep(100);
  }
  return false;
}

describe("the demo", () => {
  // One play for both: the others show that without --keep its end leaves nothing behind.
  test("ends with a restore that is equal, which --keep leaves running until it is told to stop", async () => {
    const pages = mkdtempSync(join(tmpdir(), "demo-pages-"));
    const { code, output, folder } = await demo(["--keep", "--report", pages]);
    expect(code, output).toBe(0);
    expect(output).toContain(`Reports: ${join(pages, "index.html")}`);
    const page = readFileSync(join(pages, "index.html"), "utf8");
    expect(page).toContain("If you restored now");
    expect(page).toContain("The newest set is proven");
    expect(page).toContain("How long a restore takes");
    expect(output).toContain(`Dashboard: ${join(pages, "dashboard/index.html")}`);
    const { checks } = statusSchema.parse(JSON.parse(readFileSync(join(pages, "dashboard/status.json"), "utf8")));
    for (const id of ["set-weekly", "set-proven"])
      expect(checks).toContainEqual(expect.objectContaining({ id, state: "ok" }));
    expect(output).toMatch(/^.* is restored into .* and equal to it: /m);
    expect(output).toMatch(
      /[\d,]+ scores were put back, [\d,]+ that somebody had edited since were kept, undo and redo were equal/,
    );
    // A begin and an end of the plan of the repair, of the repair, of its undo and of its redo.
    expect(output).toContain("Audit trail: 8 entries, all proven by verify-audit.sh with sha256sum, jq and gpg;");
    expect(existsSync(join(pages, "accident.svg"))).toBe(true);
    expect(output).toMatch(/Second opinion: all \d+ tables hold the same rows, all \d+ files the same bytes/);
    const stop = /end it with\s+sh (\S+)/.exec(output)?.[1] ?? "";
    try {
      const url = /restored project\s+(\S+)/.exec(output)?.[1] ?? "";
      const users = await withClient(url, (client) => client.query("select from auth.users"));
      expect(users.rowCount).toBeGreaterThan(0);
      expect(statSync(join(stop, "..", "demo.env")).mode & 0o077).toBe(0);
    } finally {
      const ended = spawn("sh", [stop]);
      await new Promise((resolve) => ended.on("close", resolve));
    }
    expect(await becomesEmpty(folder)).toBe(true);
    expect(existsSync(stop)).toBe(false);
  });

  test.each(["1. make the four keys", "8. lifeboat repair", "14. restore into an empty project"])(
    "interrupted at '%s' says nothing of equal or proven and leaves nothing behind",
    async (moment) => {
      const { code, output, folder } = await demo([], moment);
      expect(code).toBe(130);
      expect(output).not.toMatch(/proven|equal to it/);
      expect(await becomesEmpty(folder)).toBe(true);
    },
  );

  test("--disaster complete-loss recovers by the verb itself, with its clock against what is promised, and a page", async () => {
    const pages = mkdtempSync(join(tmpdir(), "demo-disaster-"));
    const args = ["--disaster", "complete-loss", "--pace", "100", "--report", pages];
    const { code, output, folder, last } = await demo(args);
    expect(code, output).toBe(0);
    expect(last).toMatch(
      /^Recovered into project \w+ \(us-east-1\) after .* equal to the set, 2 checks of the application passed/,
    );
    expect(output).toMatch(/Second opinion: all \d+ tables hold the same rows, all \d+ files the same bytes/);
    expect(output).toMatch(/On the clock, of 02:00:00:\n +00:00:00 +make the project /);
    // The function, its secret and the key that signs sessions: what no new project has.
    expect(output).toMatch(
      /configuration +3 settings carried and read back, \d+ were so already, 0 to look at, 2 wait to be switched on, \d+ are this project's own, 0 refused/,
    );
    expect(output).toMatch(/handed over +\d+\.\d % of what is promised/);
    const page = readFileSync(join(pages, "complete-loss.html"), "utf8");
    expect(page).toContain("What you still have to do");
    expect(page).not.toMatch(/NaN|undefined|the password of the mail server|the key of the payments/);
    expect(await becomesEmpty(folder)).toBe(true);
  });

  test.each([
    ["minor-corruption", "runbooks/recover-minor-corruption.md"],
    ["meteorite", "is not one of database-failure, complete-loss, regional-disaster"],
  ])("--disaster %s is refused, with what to read", async (disaster, said) => {
    const { code, output } = await demo(["--disaster", disaster]);
    expect({ code, told: output.includes(said) }, output).toEqual({ code: 2, told: true });
  });

  test("--silence cuts a link, and leaves the page as its reader saw it", async () => {
    const pages = mkdtempSync(join(tmpdir(), "demo-silence-"));
    const { code, output, folder, last } = await demo(["--silence", "--only", "watcher's address", "--report", pages]);
    expect(code, output).toBe(0);
    expect(output).toMatch(
      /^the watcher's address is wrong:\n {2}red after 3 h; allowed: 3 hours\. The page: `watcher` is critical/m,
    );
    expect(last).toBe("1 link cut: each turned the page and one other channel red in time.");
    expect(readFileSync(join(pages, "silence/index.html"), "utf8")).toContain("1 of 1 noticed");
    const page = readFileSync(join(pages, "silence/01-the-watcher-s-address-is-wrong.html"), "utf8");
    using open = await openPage(page, { now: new Date() });
    expect(open.one("#check-watcher").dataset["level"]).toBe("critical");
    expect(open.text("#answer")).not.toMatch(/clock is wrong/);
    expect(await becomesEmpty(folder)).toBe(true);
  });

  test.each([
    [["--silence", "--seven-years"], "choose one"],
    [["--only", "mail server"], "--only goes with --silence"],
    [["--silence", "--only", "pigeon"], "the mail server is down"],
  ])("%s is refused, with what to say", async (args, said) => {
    const { code, output } = await demo(args);
    expect({ code, told: output.includes(said) }, output).toEqual({ code: 2, told: true });
  });

  test("--seven-years draws what a vault keeps of them and why, and retention over real objects does the same", async () => {
    const pages = mkdtempSync(join(tmpdir(), "demo-years-"));
    const { code, output, folder, last } = await demo(["--seven-years", "--report", pages]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/removed \d{2} of them now, all as in the story/);
    expect(output).not.toContain("not as in the story");
    expect(last).toBe(`What is kept, and why: ${join(pages, "seven-years.html")}`);
    const page = readFileSync(join(pages, "seven-years.html"), "utf8");
    expect(page.match(/<svg/g)).toHaveLength(3);
    // Two thousand five hundred daily sets, and each has its line.
    expect(page.match(/M[\d.]+ [\d.]+H/g)?.length).toBeGreaterThan(2500);
    expect(page).toContain("held, to this day");
    expect(page).not.toMatch(/NaN|undefined|https?:\/\/(?!www\.w3\.org)/);
    expect(await becomesEmpty(folder)).toBe(true);
  });
});
