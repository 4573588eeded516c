import { createHash } from "node:crypto";

export interface FileSeed {
  /** How many files; the first dozen have odd names. */
  readonly count: number;
  /** About how many bytes all together. */
  readonly bytes: number;
  /** Same seed, count and bytes, same files. */
  readonly seed: number;
}

/** One file as an application of Qimma would have stored it. */
export interface SeedFile {
  readonly bucket: string;
  readonly name: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly cacheControl: string;
  /** Of the student who sent it in; none for what the server stored. */
  readonly ownerId: string | null;
  readonly userMetadata: Record<string, unknown> | null;
  readonly createdAt: Date;
}

/** Qimma's buckets; what a student may send in is limited. */
export const SEED_BUCKETS = [
  {
    id: "exam-files",
    public: false,
    fileSizeLimit: null,
    mimeTypes: ["application/pdf", "image/*", "text/plain"],
  },
  {
    id: "student-submissions",
    public: false,
    fileSizeLimit: 64 * 1024 ** 2,
    mimeTypes: ["application/pdf", "image/png", "image/jpeg", "text/plain"],
  },
  { id: "processed-results", public: true, fileSizeLimit: null, mimeTypes: null },
] as const;

/** Names that Supabase takes and that have broken somebody's copy. A personal datum stands in one: no log may show it. */
export const PLANTED_NAME = "Noura Al-Planted 8c41";
const oddNames = [
  "plain/report.pdf",
  `${PLANTED_NAME}/answer sheet.pdf`,
  "plus+and&ampersand=equals.pdf",
  "double//slash/report.pdf",
  "it's a (quoted) name!*.pdf",
  " leading blank.pdf",
  "trailing blank ",
  `${"long".repeat(50)}/${"segment".repeat(28)}.txt`,
  "...dots/..two dots.pdf",
  "$@;:,?'.pdf",
  "empty/.emptyFolderPlaceholder",
  "UPPER/case.pdf",
  "upper/CASE.pdf",
] as const;

/** What is stored, in a fixed order. Sizes differ by a factor of about ten; one of fifty has no bytes. */
export function* planFiles({ count, bytes, seed }: FileSeed): Generator<SeedFile, void, undefined> {
  const mean = bytes / Math.max(count, 1);
  for (let n = 0; n < count; n++) {
    const dice = createHash("sha256").update(`${seed} ${n}`).digest();
    const bucket = SEED_BUCKETS[n % SEED_BUCKETS.length] ?? SEED_BUCKETS[0];
    const odd = oddNames[n];
    const placeholder = odd?.endsWith("Placeholder") === true;
    const owner = n % 3 === 1 ? uuid(dice) : null;
    yield {
      bucket: bucket.id,
      name: odd ?? `${uuid(dice)}/2025-${1 + (n % 12)}/page ${n}.${n % 4 === 0 ? "png" : "pdf"}`,
      bytes:
        placeholder || n % 50 === 49
          ? 0
          : Math.max(1, Math.round(mean * (0.2 + (dice.readUInt16BE(4) / 65_535) * 1.6))),
      contentType: placeholder ? "text/plain" : n % 4 === 0 ? "image/png" : "application/pdf",
      cacheControl: n % 5 === 0 ? "max-age=31536000" : "max-age=3600",
      ownerId: owner,
      userMetadata: userMetadata(n),
      createdAt: new Date(Date.UTC(2025, n % 12, 1 + (n % 28), n % 24, n % 60, n % 60, n % 1000)),
    };
  }
}

/** Bytes that no compression makes smaller, the same for the same file. */
export function contentOf({ bucket, name, bytes }: Pick<SeedFile, "bucket" | "name" | "bytes">, seed: number): Buffer {
  const block = createHash("shake256", { outputLength: Math.min(bytes, 65_536) })
    .update(`${seed} ${bucket} ${name}`)
    .digest();
  return Buffer.alloc(bytes, block.length === 0 ? undefined : block);
}

/** S3 carries the first kind; letters in upper case, other scripts and numbers it does not. */
function userMetadata(n: number): Record<string, unknown> | null {
  if (n % 6 === 0) return { exam: `exam-${n}`, page: String(n % 10) };
  if (n % 6 === 2) return { studentName: "نورة", Grade: 97.5, nested: { tries: [1, 2] } };
  return null;
}

function uuid(dice: Buffer): string {
  const hex = dice.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
