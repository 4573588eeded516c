import { parse } from "yaml";
import { z } from "zod";

const frontMatterSchema = z.strictObject({
  /** A role of runbooks/contacts.md. */
  owner: z.string().min(1),
  /** Day of the last review, `YYYY-MM-DD`. */
  reviewed: z.iso.date(),
  /** A quarter at most. */
  "review-every-days": z.number().int().positive().max(90),
  /** Also reviewed when a regulation changes: for pages that name one, or send people to `privacy`. */
  "review-when": z.literal("regulations").optional(),
});

/** One page of runbooks/, as far as it can be checked. */
export interface RunbookPage {
  readonly frontMatter: z.infer<typeof frontMatterSchema> | undefined;
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
  const [, head, rest] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
  const body = rest ?? text;
  const frontMatter = frontMatterSchema.safeParse(head === undefined ? undefined : parse(head));
  const prose = body.replaceAll(/^```.*?^```$/gms, "");
  return {
    frontMatter: frontMatter.success ? frontMatter.data : undefined,
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
