import type { Json } from "./document.ts";

export const issuer = "token.actions.githubusercontent.com";
export const audience = "sts.amazonaws.com";

/** Whom a role trusts: the jobs of one environment of one repository, by the whole subject that GitHub gives them, and nobody else. */
export function trustOf(environment: string): Json {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: { "Fn::If": ["MakesProvider", "${Provider}", "${GitHubProvider}"] } },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: {
            [`${issuer}:aud`]: audience,
            [`${issuer}:sub`]: `repo:\${Repository}:environment:${environment}`,
          },
        },
      },
    ],
  };
}

/** How long a job may keep its role: a first Sunday's backups take longer than an hour. */
export const sessionSeconds = 43_200;

/** Below it lie the roles and policies of one project, each in a folder of its own. */
export function pathOf(name: string): string {
  return `/lifeboat/\${Project}/${name}/`;
}
