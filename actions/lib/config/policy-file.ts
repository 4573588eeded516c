import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { ConfigurationError } from "../base/errors.ts";

/** Where programs write into the policy: between two lines, `// pins:begin` and `// pins:end`. */
export interface MarkedBlock {
  /** E.g. `pins`. */
  readonly name: string;
  /** What goes between the marks, for people who have to put them there. */
  readonly entry: string;
}

/** @throws ConfigurationError `policy-unreadable` */
export function readPolicyText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const next = "Name the right file in LIFEBOAT_POLICY.";
    throw new ConfigurationError("policy-unreadable", `The policy ${path} cannot be read.`, next, error);
  }
}

/** A reader sees the old policy or the new one, never half of one. */
export async function replacePolicyText(path: string, content: string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  await writeFile(beside, content);
  await rename(beside, path);
}

/**
 * The policy's text with other lines between the marks. Nothing else is touched or understood.
 * @param lines without the marks and not indented
 * @throws ConfigurationError `<name>-block-missing` when the marks are not there exactly once, in order, each on a line
 */
export function replaceMarked(policyText: string, block: MarkedBlock, lines: readonly string[]): string {
  const newline = policyText.includes("\r\n") ? "\r\n" : "\n";
  const all = policyText.split(/\r?\n/);
  const [begin, end] = marksOf(block);
  const at = (mark: string): number[] => all.flatMap((line, index) => (line.trim() === mark ? [index] : []));
  const [from, ...moreBegins] = at(begin);
  const [to, ...moreEnds] = at(end);
  if (from === undefined || to === undefined || to < from || moreBegins.length + moreEnds.length > 0) {
    throw new ConfigurationError(
      `${block.name}-block-missing`,
      `The policy has no block between one line \`${begin}\` and one line \`${end}\`.`,
      `Put the two lines around its \`${block.entry}\` entry, or paste the printed block by hand.`,
    );
  }
  const indent = /^\s*/.exec(all[from] ?? "")?.[0] ?? "";
  all.splice(from, to - from + 1, ...marked(block, lines, indent));
  return all.join(newline);
}

/** The block with its marks, indented. */
export function marked(block: MarkedBlock, lines: readonly string[], indent: string): string[] {
  const [begin, end] = marksOf(block);
  return [begin, ...lines, end].map((line) => indent + line);
}

function marksOf({ name }: MarkedBlock): [begin: string, end: string] {
  return [`// ${name}:begin`, `// ${name}:end`];
}
