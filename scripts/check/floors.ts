import { dirname, join, relative } from "node:path";
import { API } from "typescript/unstable/sync";

/** One file imports another; both by their paths from the root of the checkout. Imports of types count too. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

const core = "actions/lib/";

/** The floors of the core, the ground first. A file imports from its own room and from lower floors; rooms of one floor may use each other one way. */
const floors: readonly (readonly string[])[] = [
  ["base"],
  ["config"],
  ["s3", "aws", "seal", "postgres", "storage", "supabase"],
  ["vault"],
  ["policy", "compare", "recover"],
  ["report", "notify"],
  ["operations"],
  ["edge"],
];

/** As little as TypeScript needs to read imports: it resolves none and checks no types. */
const reading = {
  compilerOptions: {
    allowJs: true,
    module: "esnext",
    moduleResolution: "bundler",
    noLib: true,
    noResolve: true,
    types: [],
  },
  include: ["actions", "scripts"],
};

/** Every import between files of the checkout below `actions` and `scripts`, as TypeScript itself reads them. */
export function readImports(root: string): { readonly files: readonly string[]; readonly imports: readonly Import[] } {
  const settings = join(root, "imports.tsconfig.json");
  const api = new API({
    cwd: root,
    fs: {
      fileExists: (path) => (path === settings ? true : undefined),
      readFile: (path) => (path === settings ? JSON.stringify(reading) : undefined),
    },
  });
  try {
    const project = api.updateSnapshot({ openProjects: [settings] }).getProjects()[0];
    const paths = project?.rootFiles ?? [];
    const imports = paths.flatMap((path) => {
      const names = project?.program.getSourceFile(path)?.imports ?? [];
      return names.flatMap((name) => {
        const text = "text" in name && typeof name.text === "string" ? name.text : "";
        return text.startsWith(".")
          ? [{ from: relative(root, path), to: relative(root, join(dirname(path), text)) }]
          : [];
      });
    });
    return { files: paths.map((path) => relative(root, path)), imports };
  } finally {
    api.close();
  }
}

/** What of the core imports something above it or in a circle, and where the thing belongs. Pure. */
export function floorProblems(files: readonly string[], imports: readonly Import[]): string[] {
  const ofCore = imports.filter(({ from }) => from.startsWith(core));
  const inside = ofCore.filter(({ to }) => to.startsWith(core));
  return [
    ...files.filter((path) => path.startsWith(core) && floorOf(path) < 0).map(homeless),
    ...imports.flatMap(outward),
    ...inside.filter(({ from, to }) => floorOf(to) > floorOf(from) && floorOf(from) >= 0).map(upward),
    ...circleOfFiles(inside),
    ...folders(files).flatMap((folder) => circleOfFolders(folder, inside)),
  ];
}

const most = { imports: 18, reached: 215, lines: 300 } as const;
const backup = "actions/backup-database/main.ts";

/** What has grown too large to be read in one go: a file, what it imports, what one backup reaches. Pure. */
export function sizeProblems(lines: ReadonlyMap<string, number>, imports: readonly Import[]): string[] {
  const graph = graphOf(imports, (path) => path);
  const fans = [...graph].filter(([from, to]) => from.startsWith(core) && to.size > most.imports);
  const reached = new Set([backup]);
  // A set that grows while it is walked is walked to its end.
  for (const path of reached) for (const next of graph.get(path) ?? []) reached.add(next);
  const far = reached.size - 1;
  return [
    ...[...lines].flatMap(([path, count]) =>
      count > most.lines
        ? [`${path} has ${count} lines, more than ${most.lines}: two things live there. Give each a file of its own.`]
        : [],
    ),
    ...fans.map(
      ([path, { size }]) =>
        `${path} imports ${size} files, more than ${most.imports}: move what needs several of them into one file that it imports.`,
    ),
    ...(far > most.reached
      ? [
          `A backup reaches ${far} files from ${backup}, more than ${most.reached}: a new import brought its own imports along. Move the one thing that is needed from there into a file that a backup has already, or into a smaller one.`,
        ]
      : []),
  ];
}

/** The house from the roof to the ground, each floor's rooms in the order in which they import each other. */
export function drawFloors(files: readonly string[], imports: readonly Import[]): string[] {
  const rooms = inOrder(graphOf(imports, (path) => (path.startsWith(core) ? roomOf(path) : undefined))).order;
  const verbs = inOrder(graphOf(imports, (path) => childOf(`${core}operations`, path))).order;
  const drawn = floors.map((floor) => {
    const some = rooms.filter((room) => floor.includes(room));
    if (floor[0] === "operations") return `operations: ${verbs.toReversed().join(", ")}`;
    return some.toReversed().join(", ");
  });
  const inCore = files.filter((path) => path.startsWith(core)).length;
  return [...drawn.toReversed().map((line) => `  ${line}`), `  ${inCore} files in ${folders(files).length} folders`];
}

const roomOf = (path: string): string => path.slice(core.length).split("/", 1)[0] ?? "";
const floorOf = (path: string): number => floors.findIndex((floor) => floor.includes(roomOf(path)));

function homeless(path: string): string {
  return `${path}: actions/lib has no room "${roomOf(path)}". Put it into one of ${floors.flat().join(", ")}.`;
}

function outward({ from, to }: Import): string[] {
  if (!from.startsWith("actions/") || !/\.m?ts$/.test(to)) return [];
  const reached = to.startsWith("actions/") ? !to.startsWith(core) && from.startsWith(core) : true;
  return reached ? [`${from} imports ${to}, which is an edge: what both need belongs in actions/lib.`] : [];
}

function upward({ from, to }: Import): string {
  const [below, above] = [roomOf(from), roomOf(to)];
  return `${from} imports ${to}, which is above it: move what it needs down to ${below} or lower, or the importer up to ${above}.`;
}

function circleOfFiles(imports: readonly Import[]): string[] {
  const { circle } = inOrder(graphOf(imports, (path) => path));
  if (circle === undefined) return [];
  return [`${circle.join(" imports ")}: a circle. Move what the first takes from the second into a file below both.`];
}

function circleOfFolders(folder: string, imports: readonly Import[]): string[] {
  const graph = graphOf(imports, (path) => childOf(folder, path));
  const { circle } = inOrder(graph);
  if (circle === undefined) return [];
  const edges = circle.slice(1).map((to, at) => {
    const from = circle[at];
    return imports.filter((one) => childOf(folder, one.from) === from && childOf(folder, one.to) === to);
  });
  const fewest = edges.reduce((least, some) => (some.length < least.length ? some : least));
  const named = fewest.slice(0, 3).map(({ from, to }) => `${from} imports ${to}`);
  return [
    `${circle.join(" imports ")} in ${folder}: a circle of folders. Fewest imports to turn round (${fewest.length}): ${named.join("; ")}.`,
  ];
}

/** The folder or file right below `folder` in which a path lies; the folder's own files are one, but for the door of a verb. */
function childOf(folder: string, path: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const [child = "", ...deeper] = path.slice(folder.length + 1).split("/");
  if (deeper.length > 0) return child;
  // A verb's declaration leads into all of its folder, and nothing in it leads back.
  return folder.startsWith(`${core}operations/`) && child === "operation.ts" ? child : "its own files";
}

function folders(files: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of files.filter((one) => one.startsWith(core)))
    for (let folder = dirname(path); `${folder}/`.startsWith(core); folder = dirname(folder)) found.add(folder);
  return [...found].sort();
}

type Graph = Map<string, Set<string>>;

function graphOf(imports: readonly Import[], nodeOf: (path: string) => string | undefined): Graph {
  const graph: Graph = new Map();
  for (const one of imports) {
    const [from, to] = [nodeOf(one.from), nodeOf(one.to)];
    for (const node of [from, to]) if (node !== undefined && !graph.has(node)) graph.set(node, new Set());
    if (from !== undefined && to !== undefined && from !== to) graph.get(from)?.add(to);
  }
  return graph;
}

/** Nodes so that each comes after those that it leads to; and the first circle that is met, its first node repeated at the end. */
function inOrder(graph: Graph): { readonly order: readonly string[]; readonly circle: readonly string[] | undefined } {
  const order: string[] = [];
  const way: string[] = [];
  const seen = new Set<string>();
  let circle: string[] | undefined;
  const visit = (node: string): void => {
    if (way.includes(node)) circle ??= [...way.slice(way.indexOf(node)), node];
    if (seen.has(node)) return;
    seen.add(node);
    way.push(node);
    for (const next of [...(graph.get(node) ?? [])].sort()) visit(next);
    way.pop();
    order.push(node);
  };
  for (const node of [...graph.keys()].sort()) visit(node);
  return { order, circle };
}
