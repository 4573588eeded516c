import { randomFillSync } from "node:crypto";
import { openSealed, sealArtifact } from "../../actions/lib/seal/body/artifact.ts";

// node seal-memory.ts <megabytes>: seals and opens so much at once, and prints the bytes that came out and the most
// memory that the process has had, in KiB. Run as a process of its own: its memory is what is measured.
const key = { data: new Uint8Array(32).fill(7) };
const bytes = Number(process.argv[2]) * 1024 * 1024;

async function* rows(): AsyncGenerator<Uint8Array> {
  // Half noise, half not: about what zstd makes of a database.
  const chunk = Buffer.alloc(64 * 1024, "1\tsome text of a row\t2026-11-22\n");
  for (let left = bytes; left > 0; left -= chunk.length) {
    randomFillSync(chunk, 0, chunk.length / 2);
    yield chunk.subarray(0, Math.min(left, chunk.length));
  }
}

let opened = 0;
for await (const chunk of openSealed(sealArtifact(rows(), key), key)) opened += chunk.length;
console.log(JSON.stringify({ opened, maxRssKib: process.resourceUsage().maxRSS }));
