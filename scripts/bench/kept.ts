import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Contestant } from "./contestants.ts";
import type { Measured } from "./measured-run.ts";
import { rowSchema } from "./results.ts";

/** What was measured at one size: the most resident memory of our own process, in bytes, by contestant. */
const pointSchema = z.strictObject({
  /** About how large the database was to be, as `--size` had it, and how large it was, in bytes. */
  size: z.string(),
  databaseBytes: z.number(),
  peakBytes: z.record(z.string(), z.number()),
});
export type MemoryPoint = z.infer<typeof pointSchema>;

/** One run of the bench: everybody in one place, with one database. */
const worldSchema = z.strictObject({
  id: z.enum(["machine", "large", "many"]),
  /** What the tables' headings begin with. */
  title: z.string(),
  /** What was measured where, how often, on what machine. */
  sentence: z.string(),
  rows: z.array(rowSchema),
  /** Seconds of the stages of our own runs, by the run's title. */
  stages: z.record(z.string(), z.array(z.tuple([z.string(), z.number()]))),
});
export type World = z.infer<typeof worldSchema>;

const keptSchema = z.strictObject({ memory: z.array(pointSchema), worlds: z.array(worldSchema) });
export type Kept = z.infer<typeof keptSchema>;

/** Worlds and sizes are measured in runs of their own, hours apart: what is known is kept beside the page, which is written from it. */
const file = new URL("../../runbooks/bench.json", import.meta.url).pathname;

export function readKept(): Kept {
  return existsSync(file) ? keptSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : { memory: [], worlds: [] };
}

/** Puts the points and worlds in the place of earlier ones of the same size or name. */
export function keep({ memory, worlds }: Kept): void {
  const before = readKept();
  const others = before.memory.filter(({ size }) => !memory.some((point) => point.size === size));
  const places = worldSchema.shape.id.options.flatMap(
    (id) => [...worlds, ...before.worlds].find((world) => world.id === id) ?? [],
  );
  const points = [...others, ...memory].sort((a, b) => a.databaseBytes - b.databaseBytes);
  writeFileSync(file, `${JSON.stringify({ memory: points, worlds: places }, null, 2)}\n`);
}

/** The highest of all rounds, of our own contestants. */
export function peaks(runs: ReadonlyMap<Contestant, readonly Measured[]>): Record<string, number> {
  const ours = [...runs].filter(([{ ours }, measured]) => ours && measured.length > 0);
  return Object.fromEntries(ours.map(([{ id }, measured]) => [id, Math.max(...measured.map((run) => run.peakBytes))]));
}
