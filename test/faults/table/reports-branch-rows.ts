import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReportsAttacker, ReportsRow } from "./reports-branch-scene.ts";

/** What lies on the branch before ours is published. */
const onBranch = (
  kind: string,
  lay: (attacker: ReportsAttacker) => void,
  more: Pick<ReportsRow, "removed" | "kept"> = {},
): ReportsRow => ({
  ...{ stage: "branch", kind, holder: "pushes to reports", outcome: "success", ...more },
  inject: (attacker) => {
    lay(attacker);
    attacker.git("add", "--all", "--force");
  },
});

/** What lies in the folder that `report --out` writes. */
const inFolder = (
  kind: string,
  lay: (attacker: ReportsAttacker) => void,
  code: string | null = "report-folder-link",
): ReportsRow => ({
  ...{ stage: "folder", kind, holder: "writes the folder of reports", inject: lay },
  ...(code === null ? { outcome: "success" } : { outcome: "failed by name", code }),
});

const file = ({ folder }: ReportsAttacker, path: string, text: string | Buffer): void =>
  writeFileSync(join(folder, path), text);

export const reportsBranchRows: readonly ReportsRow[] = [
  onBranch(
    "links in place of a page and of folders",
    ({ folder, outside }) => {
      symlinkSync(join(outside, "README.md"), join(folder, "README.md"));
      symlinkSync(outside, join(folder, "charts"));
      symlinkSync(outside, join(folder, "runs"));
    },
    { removed: ["README.md", "charts", "runs"] },
  ),
  onBranch("a file that is far too large", (of) => file(of, "huge.ndjson", Buffer.alloc(9 * 1024 * 1024, "x")), {
    removed: ["huge.ndjson"],
  }),
  onBranch(
    "another repository",
    ({ git }) => {
      git("init", "--quiet", "module");
      git("-C", "module", "commit", "--quiet", "--allow-empty", "--message=x");
    },
    { removed: ["module"] },
  ),
  onBranch("a plain file of a stranger's", (of) => file(of, "kept.txt", "a stranger's\n"), { kept: ["kept.txt"] }),
  onBranch(
    "a link whose name is no text",
    ({ folder, outside }) =>
      symlinkSync(outside, Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe, 0x6c])])),
    { removed: ['"\\377\\376l"'] },
  ),
  onBranch(
    "a run's report whose name is no text",
    ({ folder }) => {
      mkdirSync(join(folder, "runs/2026/11"), { recursive: true });
      const name = Buffer.concat([Buffer.from(`${folder}/runs/2026/11/`), Buffer.from([0xff]), Buffer.from(".json")]);
      writeFileSync(name, "{}");
    },
    { removed: ['"runs/2026/11/\\377.json"'] },
  ),
  onBranch(
    "names with ends of lines, quotes, and what looks like an option",
    (of) => {
      for (const name of ["::error::x\ny", '"quoted"', "\u001b[2J"]) file(of, name, "x");
      file(of, "--force", "x");
    },
    { removed: ['"::error::x\\ny"', '"\\"quoted\\""', '"\\033[2J"'], kept: ["--force"] },
  ),
  onBranch(
    "a list of what git is to ignore",
    (of) => {
      file(of, ".gitignore", "*\n");
      mkdirSync(join(of.folder, "runs"));
      file(of, "runs/.gitignore", "*\n");
    },
    { kept: [".gitignore", "runs/.gitignore"] },
  ),
  ...["working-tree-encoding=UTF-16", "text eol=crlf", "ident", "filter=lfs", "working-tree-encoding=none-such"].map(
    (attribute) =>
      onBranch(`files are to be written otherwise: ${attribute}`, (of) =>
        file(of, ".gitattributes", `*.md ${attribute}\n`),
      ),
  ),
  onBranch("a file in place of a folder", (of) => file(of, "charts", "x"), { removed: ["charts"] }),
  onBranch("a folder in place of a page", ({ folder }) => {
    mkdirSync(join(folder, "README.md/below"), { recursive: true });
    writeFileSync(join(folder, "README.md/below/x"), "x");
  }),
  onBranch("a thousand links", ({ folder, outside }) => {
    for (let at = 0; at < 1000; at++) symlinkSync(outside, join(folder, `link-${at}`));
  }),
  inFolder("a link in place of a page", ({ folder, outside }) =>
    symlinkSync(join(outside, "README.md"), join(folder, "README.md")),
  ),
  inFolder("a link in place of a page that is not there", ({ folder, outside }) =>
    symlinkSync(join(outside, "page"), join(folder, "README.md")),
  ),
  inFolder("a link in place of a folder", ({ folder, outside }) => symlinkSync(outside, join(folder, "charts"))),
  inFolder("a file in place of a folder", (of) => file(of, "charts", "x"), "report-folder-taken"),
  inFolder("a folder in place of a page", ({ folder }) => mkdirSync(join(folder, "README.md")), "report-folder-taken"),
  inFolder(
    "a page that is one file with another outside",
    ({ folder, outside }) => linkSync(join(outside, "README.md"), join(folder, "README.md")),
    null,
  ),
  inFolder(
    "a link under the name that a page has while it is written",
    ({ folder, outside }) => symlinkSync(join(outside, "README.md"), join(folder, "README.md.partial")),
    null,
  ),
];
