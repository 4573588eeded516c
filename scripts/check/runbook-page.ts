import { type FrontMatter, splitFrontMatter } from "../../actions/lib/policy/monitor/reviews.ts";

/** One page of runbooks/, as far as it can be checked. */
export interface RunbookPage {
  readonly frontMatter: FrontMatter | undefined;
  /** Whether it names a regulation, or the role that answers for them. */
  readonly regulated: boolean;
  /** Headings of the second level, in order. */
  readonly sections: readonly string[];
  /** Code within sentences. */
  readonly inlineCode: readonly string[];
  /** What a person would run: blocks marked `sh`. */
  readonly scripts: readonly string[];
  /** Targets of links within the repository, without their anchors. */
  readonly links: readonly string[];
}

/** Reads a page. Front matter that is missing or has another form is undefined. */
export function readRunbookPage(text: string): RunbookPage {
  const { frontMatter, body } = splitFrontMatter(text);
  const prose = body.replaceAll(/^```.*?^```$/gms, "");
  return {
    frontMatter,
    regulated: /\b(?:FERPA|GDPR)\b|`privacy`/.test(prose),
    sections: all(prose, /^## (.+)$/gm),
    inlineCode: all(prose, /`([^`\n]+)`/g),
    scripts: runnableBlocks(body),
    links: all(prose, /\]\(([^):#]+)(?:#[^)]*)?\)/g),
  };
}

/** The blocks of a page that a person would run, in order. */
export function runnableBlocks(text: string): string[] {
  return all(text, /^```sh\n(.*?)^```$/gms);
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = ""]) => found);
}
