import { optional } from "../../../config/environment.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { checkGithubSettings } from "../github/run-github.ts";
import { checkCloud } from "./check-cloud.ts";

/** Looks at AWS where a vault is set, and at GitHub where its token is; where both are, their answers are one. */
export async function checkBoth(context: Context, repository: string | undefined): Promise<Told> {
  if (!context.has("vault")) return checkGithubSettings(context, repository);
  const aws = await checkCloud(context, repository);
  if (optional(context.env, "GITHUB_TOKEN") === undefined) return aws;
  const github = await checkGithubSettings(context, repository);
  const both = [aws, github];
  return {
    result: { aws: aws.result, github: github.result },
    exitCode: both.some(({ exitCode }) => exitCode === 1) ? 1 : 0,
    page: {
      title: "AWS account and GitHub",
      sentence: both.map(({ page }) => page?.sentence ?? "").join(" "),
      tables: both.flatMap(({ page }) => page?.tables ?? []),
      notes: both.flatMap(({ page }) => page?.notes ?? []),
    },
  };
}
