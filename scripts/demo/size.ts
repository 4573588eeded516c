const units: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9 };

/** Bytes of `20MB`, `1 GB` or a plain number; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([KMG]B)?$/i.exec(text.trim());
  return found === null ? undefined : Number(found[1]) * (units[found[2]?.toUpperCase() ?? ""] ?? 1);
}
