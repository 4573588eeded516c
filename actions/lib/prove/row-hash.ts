import type { RowInput } from "./row-hash-input.ts";
import { FramedHasher, loadProgram, WasmRowHasher } from "./row-hash-module.ts";
import { ScriptRowHasher } from "./row-hash-script.ts";
import type { FramedRowHasher, RowHasher } from "./row-hasher.ts";

/** A hasher for rows as COPY sends them. */
export function createRowHasher(columnCount: number): RowHasher {
  const program = loadProgram();
  return program === undefined ? new ScriptRowHasher(columnCount) : new WasmRowHasher(program, columnCount);
}

/** Whether this machine can hash rows about as fast as they come. */
export function canHashFrames(): boolean {
  return loadProgram() !== undefined;
}

/**
 * @param input where the text lies; with it, chunks of its memory are not copied. Only one hasher at a time may use it.
 * @returns undefined where `canHashFrames` says no
 */
export function createFramedRowHasher(columnCount: number, input?: RowInput): FramedRowHasher | undefined {
  const program = loadProgram();
  return program === undefined ? undefined : new FramedHasher(program, columnCount, input);
}
