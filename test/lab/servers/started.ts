import { inject } from "vitest";
import { type S3Access, type S3Facts, s3Access } from "./s3.ts";

export interface PostgresFacts {
  readonly major: 15 | 17;
  /** The superuser's connection string for database `postgres`. */
  readonly url: string;
  readonly binDir: string;
  /** The server's log. */
  readonly logFile: string;
}

/** What the global set-up hands to every test file. */
export interface LabFacts {
  /** One for each worker. */
  readonly postgres17: readonly PostgresFacts[];
  readonly postgres15: readonly PostgresFacts[];
  readonly s3: S3Facts;
}

export interface SharedPostgres extends PostgresFacts {
  superuserUrl(db?: string): string;
}

/**
 * The cluster that the test files of a worker share, one after the other, ready for `createProject`. Roles and settings of
 * the whole cluster are everybody's: a test that changes them, or stops the server, starts its own with `startPostgres`.
 */
export function sharedPostgres(major: 15 | 17): SharedPostgres {
  const clusters = inject("lab")[`postgres${major}`];
  const facts = clusters[(Number(process.env["VITEST_POOL_ID"]) || 1) - 1] ?? clusters[0];
  if (facts === undefined) throw new Error("The lab's clusters were not started.");
  return {
    ...facts,
    superuserUrl(db = "postgres") {
      const url = new URL(facts.url);
      url.pathname = `/${encodeURIComponent(db)}`;
      return url.href;
    },
  };
}

/** The S3 server that all test files share; each makes its own buckets. */
export function sharedS3(): S3Access {
  return s3Access(inject("lab").s3);
}
