import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Contestant } from "./contestants.ts";
import type { Measured } from "./measured-run.ts";

/** What was measured at one size: the most resident memory of our own process, in bytes, by contestant. */
const pointSchema = z.strictObject({
  /** About how large the database was to be, as `--size` had it, and how large it was, in bytes. */
  size: z.string(),
  databaseBytes: z.number(),
  peakBytes: z.record(z.string(), z.number()),
});
const curveSchema = z.strictObject({ points: z.array(pointSchema) });
export type MemoryPoint = z.infer<typeof pointSchema>;

/** Sizes are measured in runs of their own, hours apart: what is known is kept beside the page. */
const file = new URL("../../runbooks/bench-memory.json", import.meta.url).pathname;

export function readCurve(): MemoryPoint[] {
  return existsSync(file) ? curveSchema.parse(JSON.parse(readFileSync(file, "utf8"))).points : [];
}

/** Puts the point in the place of an earlier one of the same size. */
export function remember(point: MemoryPoint): void {
  const others = readCurve().filter(({ size }) => size !== point.size);
  const points = [...others, point].sort((a, b) => a.databaseBytes - b.databaseBytes);
  writeFileSync(file, `${JSON.stringify({ points }, null, 2)}\n`);
}

/** The highest of all rounds, of our own contestants. */
export function peaks(runs: ReadonlyMap<Contestant, readonly Measured[]>): Record<string, number> {
  const ours = [...runs].filter(([{ ours }, measured]) => ours && measured.length > 0);
  return Object.fromEntries(ours.map(([{ id }, measured]) => [id, Math.max(...measured.map((run) => run.peakBytes))]));
}
