import { parse } from "yaml";
import { z } from "zod";
import { formatDay } from "../../base/measures.ts";
import type { Finding } from "./check.ts";

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
export type FrontMatter = z.infer<typeof frontMatterSchema>;

/** What a page of runbooks/ begins with, and what follows it. Front matter that is missing or has another form is undefined. */
export function splitFrontMatter(text: string): {
  readonly frontMatter: FrontMatter | undefined;
  readonly body: string;
} {
  const [, head, rest] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
  return { frontMatter: head === undefined ? undefined : readFrontMatter(head), body: rest ?? text };
}

function readFrontMatter(head: string): FrontMatter | undefined {
  try {
    return frontMatterSchema.safeParse(parse(head)).data;
  } catch {
    return undefined;
  }
}

/** When the next review of a page is due. */
export function reviewDue({ reviewed, "review-every-days": days }: FrontMatter): Date {
  return new Date(Date.parse(reviewed) + days * 86_400_000);
}

/** @param pages each with its path below the checkout; undefined: it does not say when it was reviewed */
export function judgeReviews(
  pages: readonly { readonly path: string; readonly frontMatter: FrontMatter | undefined }[],
  now: Date,
): Finding {
  const due = pages.map(({ path, frontMatter }) => ({ path, at: frontMatter ? reviewDue(frontMatter) : new Date(0) }));
  const overdue = due.filter(({ at }) => at < now).sort((a, b) => a.at.getTime() - b.at.getTime());
  const next = due.filter(({ at }) => at >= now).sort((a, b) => a.at.getTime() - b.at.getTime())[0];
  if (overdue.length === 0) {
    const when = next === undefined ? "" : ` The next review is due on ${formatDay(next.at.getTime())}.`;
    return { state: "ok", found: `All ${pages.length} pages of runbooks/ were reviewed in time.${when}` };
  }
  const [first] = overdue;
  return {
    state: "warning",
    found: `${overdue.length} of ${pages.length} pages of runbooks/ are overdue for their review, first of all ${first?.path ?? ""}.`,
    means: "In an incident people may follow steps that are no longer right.",
    next: "Read the page, try what it says, set its `reviewed` to today by a pull request.",
  };
}
