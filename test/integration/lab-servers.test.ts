import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/shared.ts";

describe("the lab's servers", () => {
  test.each([15, 17] as const)("PostgreSQL %i answers as the version that it was started as", async (major) => {
    const version = await withClient(sharedPostgres(major).superuserUrl(), async (client) => {
      const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
      return rows[0]?.version;
    });
    expect(version).toMatch(new RegExp(`^${major}\\.`));
  });

  test("the S3 server makes a bucket with versioning and object lock", async () => {
    const s3 = sharedS3();
    await s3.createBucket("lab-servers-locked");
    const client = s3.client();
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    client.destroy();
    expect(Buckets?.map((bucket) => bucket.Name)).toContain("lab-servers-locked");
  });
});
