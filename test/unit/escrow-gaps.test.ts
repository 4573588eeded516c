import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { escrowGaps } from "../../actions/lib/operations/escrow/gaps.ts";
import { thumbprintOf } from "../../actions/lib/operations/escrow/names.ts";
import type { CapturedField } from "../../actions/lib/supabase/configuration/document.ts";

const [one, other] = ["a".repeat(64), "b".repeat(64)];
const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }) as Record<
  string,
  string
>;
const fields: CapturedField[] = [
  { section: "auth", field: "site_url", value: "https://qimma.example" },
  { section: "auth", field: "smtp_pass", hashed: one },
  { section: "auth", field: "sms_twilio_auth_token", value: null },
  { section: "auth", field: "external_google_secret", missing: "a secret, which the API gave as it is: not kept" },
  { section: "auth", field: "rate_limit_otp", missing: "the API told nothing of it" },
  { section: "secrets", field: "STRIPE_KEY", hashed: one },
  { section: "secrets", field: "SUPABASE_DB_URL", hashed: other },
  { section: "signing-keys", field: "old", value: { status: "revoked", public_jwk: { ...jwk, x: "AAAA" } } },
  { section: "signing-keys", field: "new", value: { status: "in_use", public_jwk: jwk } },
];
const names = (rows: Parameters<typeof escrowGaps>[1]): string[] =>
  escrowGaps({ fields }, rows).map(({ name }) => name);
const row = (name: string, digest: string | null = null, thumbprint: string | null = null) => ({
  name,
  digest,
  thumbprint,
});

test("what Supabase hides and nobody has put into escrow is named, and nothing else", () => {
  expect(names([])).toEqual(["auth:external_google_secret", "auth:smtp_pass", "secret:STRIPE_KEY", "signing-key"]);
  const all = ["auth:external_google_secret", "auth:smtp_pass"].map((name) => row(name));
  expect(names([...all, row("secret:STRIPE_KEY", one), row("signing-key", null, thumbprintOf(jwk))])).toEqual([]);
});

test("a value that is not the project's any more is named; one that cannot be compared is not called wrong", () => {
  const gaps = escrowGaps({ fields }, [row("secret:STRIPE_KEY", other), row("signing-key", null, "x".repeat(43))]);
  expect(gaps.slice(2)).toEqual([
    { name: "secret:STRIPE_KEY", why: "the project has another value than the one in escrow" },
    { name: "signing-key", why: "the project signs with another key than the one in escrow" },
  ]);
  expect(names([row("secret:STRIPE_KEY")])).not.toContain("secret:STRIPE_KEY");
});

test("a project that signs with the legacy secret asks for no key", () => {
  const legacy: CapturedField[] = [
    { section: "signing-keys", field: "x", value: { status: "in_use", public_jwk: null } },
  ];
  expect(escrowGaps({ fields: legacy }, [])).toEqual([]);
});
