// GnuPG, zstd and jq are what a person opens a set and verifies the audit trail with: the installed ones are used, so that the
// tests show just that. The lab's PostgreSQL brings the extension uuid-ossp, which every Supabase project has, without the library that it needs.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { toolFolder } from "./cache.mjs";
import { postgres17 } from "./pins.mjs";
import { say } from "./say.mjs";

const packages = [
  { debian: "gnupg", isHere: () => onPath("gpg") },
  { debian: "gpgv", isHere: () => onPath("gpgv") },
  { debian: "jq", isHere: () => onPath("jq") },
  { debian: "zstd", isHere: () => onPath("zstd") },
  { debian: "libossp-uuid16", isHere: () => isLinked(join(toolFolder(postgres17), "lib", "uuid-ossp.so")) },
];

/** Whether every library that a program or library asks for is found. @param {string} file */
function isLinked(file) {
  const looked = spawnSync("ldd", [file], { encoding: "utf8" });
  return looked.status !== 0 || !looked.stdout.includes("not found");
}

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
  const missing = packages.filter((wanted) => !wanted.isHere());
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
    if (missing.every((wanted) => wanted.isHere())) return;
  }
  say(
    `${names.join(" and ")} missing: install with '${command}' or your system's like; tests that need it fail until then.`,
  );
}
