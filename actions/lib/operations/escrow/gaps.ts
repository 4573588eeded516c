import { z } from "zod";
import { type Configuration, isSecretName } from "../../supabase/configuration/document.ts";
import { thumbprintOf } from "./names.ts";

/** What is kept under one name, as far as it may be told. */
export interface EscrowRow {
  readonly name: string;
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly putAt: string;
  /** Whose keys open it, by the policy's pins; `former` for a key that is not pinned any more. */
  readonly opens: readonly string[];
  /** How many older ones there are of this name. */
  readonly older: number;
  readonly thumbprint: string | null;
  /** SHA-256 of a function's secret, where the key that is set opens it; null: unknown. */
  readonly digest: string | null;
}

/** Something that a recovery would lack. */
export interface EscrowGap {
  /** Under which it is to be put. */
  readonly name: string;
  /** A sentence without its full stop. */
  readonly why: string;
}

const signingKeySchema = z.object({ status: z.string(), public_jwk: z.unknown() });

/**
 * Compares what is in escrow with what a set knows of the project: its secrets by name and digest, Auth's fields that the API hashes,
 * the key that signs sessions. Pure.
 */
export function escrowGaps(
  { fields }: Pick<Configuration, "fields">,
  rows: readonly Pick<EscrowRow, "name" | "digest" | "thumbprint">[],
): EscrowGap[] {
  const kept = new Map(rows.map((row) => [row.name, row]));
  const gaps: EscrowGap[] = [];
  for (const one of fields) {
    const { section, field } = one;
    const hashed = "hashed" in one ? one.hashed : undefined;
    if (section === "auth" && (hashed !== undefined || ("missing" in one && isSecretName(field)))) {
      const name = `auth:${field}`;
      if (!kept.has(name)) gaps.push({ name, why: "the project has one, and Supabase does not tell it" });
    }
    if (section === "secrets" && !field.startsWith("SUPABASE_")) {
      const name = `secret:${field}`;
      const row = kept.get(name);
      if (row === undefined) gaps.push({ name, why: "functions use it, and Supabase shows its digest alone" });
      else if (hashed !== undefined && row.digest !== null && row.digest !== hashed)
        gaps.push({ name, why: "the project has another value than the one in escrow" });
    }
    const key = section === "signing-keys" && "value" in one ? signingKeySchema.safeParse(one.value).data : undefined;
    const thumbprint = key?.status === "in_use" ? thumbprintOf(key.public_jwk) : null;
    if (thumbprint !== null && kept.get("signing-key")?.thumbprint !== thumbprint)
      gaps.push({
        name: "signing-key",
        why: kept.has("signing-key")
          ? "the project signs with another key than the one in escrow"
          : "without it the tokens that were given out are refused after a recovery; one that Supabase made cannot be had: import one of your own",
      });
  }
  return gaps.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
