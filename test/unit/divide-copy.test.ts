import { describe, expect, test } from "vitest";
import { fanOutPolicySchema } from "../../actions/lib/config/policy/storage.ts";
import { partOf, runnersFor } from "../../actions/lib/operations/sync/divided-run.ts";

const MiB = 1024 * 1024;
const policy = fanOutPolicySchema.parse({ filesPerRunner: 1000, bytesPerRunner: 100 * MiB, mostRunners: 5 });

describe("how many runners", () => {
  test.each([
    [{ files: 0, bytes: 0 }, 0],
    [{ files: 1, bytes: 0 }, 1],
    [{ files: 1000, bytes: 100 * MiB }, 1],
    [{ files: 1001, bytes: 5 }, 2],
    [{ files: 10, bytes: 100 * MiB + 1 }, 2],
    [{ files: 1_000_000, bytes: 5 }, 5],
    // One file can't be divided.
    [{ files: 1, bytes: 1000 * MiB }, 1],
  ])("%j: %i", (total, runners) => {
    expect(runnersFor(total, policy)).toBe(runners);
  });
});

test("every file belongs to one part, and all parts get about the same", () => {
  const files = Array.from({ length: 10_000 }, (_, index) => partOf(`exam-files/${index}.pdf`, 4));
  const sizes = [1, 2, 3, 4].map((part) => files.filter((each) => each === part).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10_000);
  for (const size of sizes) expect(size / 10_000).toBeCloseTo(0.25, 1);
  expect(partOf("exam-files/7.pdf", 1)).toBe(1);
});
