/** How many rows each large table gets. */
export interface QimmaSizes {
  readonly users: number;
  readonly exams: number;
  readonly submissions: number;
  readonly transactions: number;
  readonly attachments: number;
}

const MEGABYTE = 1024 ** 2;

/**
 * Rows that together take about `bytes` on disk, indexes included (measured on PostgreSQL 17; half to one and a half times
 * of it below 10 MB, where the schema itself weighs). The least is what 1 MB gives.
 */
export function qimmaSizes(bytes: number): QimmaSizes {
  const wanted = Math.max(bytes, MEGABYTE);
  return {
    users: Math.ceil(wanted / 40_000),
    exams: Math.ceil(wanted / 100_000),
    submissions: Math.ceil((wanted * 0.72) / 1_130),
    transactions: Math.ceil((wanted * 0.12) / 190),
    attachments: Math.ceil((wanted * 0.1) / 8_800),
  };
}
