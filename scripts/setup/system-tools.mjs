// GnuPG and zstd are what a person opens a set with: the installed ones are used, so that the tests show just that.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { say } from "./say.mjs";

const packages = [
  { program: "gpg", debian: "gnupg" },
  { program: "zstd", debian: "zstd" },
];

/** @param {string} program */
function onPath(program) {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what is missing where that is this user's right, and says so first; else says what to install. */
export function ensureSystemTools() {
  const missing = packages.filter((wanted) => !onPath(wanted.program));
  if (missing.length === 0) return;
  const names = missing.map((wanted) => wanted.debian);
  const command = `apt-get install -y ${names.join(" ")}`;
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    say(`${names.join(" and ")} missing: installing for the whole machine with '${command}'`);
    spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
    const options = {
      stdio: /** @type {const} */ ("ignore"),
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    };
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], options);
    if (missing.every((wanted) => onPath(wanted.program))) return;
  }
  say(
    `${names.join(" and ")} missing: install with '${command}' or your system's like; tests that need it fail until then.`,
  );
}
