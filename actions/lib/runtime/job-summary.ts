import * as core from "@actions/core";
import { type Page, renderMarkdown } from "../report/page.ts";

/** Appends to the job's summary; outside of GitHub Actions there is none, and nothing happens. */
export async function writeSummary(page: Page): Promise<void> {
  if (!process.env["GITHUB_STEP_SUMMARY"]) return;
  await core.summary.addRaw(renderMarkdown(page), true).write();
}
