import { describe, expect, test } from "vitest";
import { fanOutPolicySchema } from "../../actions/lib/config/policy/storage.ts";
import { divide, runnersFor } from "../../actions/lib/operations/sync/fan-out/divided-run.ts";

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

describe("the division", () => {
  const bytesOf = (loads: readonly { bytes: number }[], places: readonly number[]): number =>
    places.reduce((sum, place) => sum + (loads[place]?.bytes ?? 0), 0);

  test("gives every file to exactly one part, in order, and about equal bytes to each", () => {
    const loads = Array.from({ length: 10_000 }, (_, index) => ({
      bytes: index % 1000 === 7 ? 20 * MiB : (index * 7919) % 40_000,
    }));
    const parts = divide(loads, 4, MiB);
    expect(parts.flat().toSorted((a, b) => a - b)).toEqual([...loads.keys()]);
    for (const places of parts) expect(places).toEqual(places.toSorted((a, b) => a - b));
    const total = bytesOf(loads, [...loads.keys()]);
    for (const places of parts) expect(bytesOf(loads, places) / total).toBeCloseTo(0.25, 1);
  });

  test("keeps small neighbours together", () => {
    const loads = Array.from({ length: 400 }, () => ({ bytes: 10_000 }));
    const parts = divide(loads, 4, MiB);
    expect(parts.map((places) => [places[0], places.length])).toEqual([
      [0, 100],
      [100, 100],
      [200, 100],
      [300, 100],
    ]);
  });

  test("spreads empty files, too", () => {
    const loads = Array.from({ length: 1000 }, () => ({ bytes: 0 }));
    expect(divide(loads, 4, MiB).map(({ length }) => length)).toEqual([250, 250, 250, 250]);
  });

  test("lets one file that is larger than all others be a part of its own", () => {
    const loads = [{ bytes: 900 * MiB }, ...Array.from({ length: 99 }, () => ({ bytes: MiB / 2 }))];
    const [first, second] = divide(loads, 2, MiB);
    expect(first).toEqual([0]);
    expect(second).toHaveLength(99);
  });
});
