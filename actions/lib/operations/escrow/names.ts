import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, sign, verify } from "node:crypto";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { mostValueBytes } from "../../vault/escrow.ts";

/** One kind of what only the owner has; the verb's help says what each is. */
interface Kind {
  /** As people write it: `secret:NAME`. */
  readonly form: string;
  readonly pattern: RegExp;
  readonly mostBytes?: number;
  /** What is wrong with a value; undefined: nothing. Never quotes it. */
  readonly wrong?: (value: string) => string | undefined;
  /** Supabase shows the SHA-256 of it. */
  readonly digest?: true;
}

const kinds: readonly Kind[] = [
  {
    form: "signing-key",
    pattern: /^signing-key$/,
    wrong: (value) =>
      privateJwk(value) === undefined ? "it is not a private JWK (ES256, RS256, EdDSA or HS256)" : undefined,
  },
  {
    form: "secret:NAME",
    pattern: /^secret:(?!SUPABASE_)[A-Za-z_]\w{0,255}$/,
    mostBytes: 24_576,
    digest: true,
  },
  {
    form: "auth:FIELD",
    pattern: /^auth:[a-z][a-z0-9_]{0,99}$/,
  },
  {
    form: "s3-keys",
    pattern: /^s3-keys$/,
  },
  {
    form: "vault-root-key",
    pattern: /^vault-root-key$/,
    wrong: (value) => (/^[0-9a-f]{64}$/i.test(value) ? undefined : "it does not have 64 hexadecimal digits"),
  },
  {
    form: "other:NAME",
    pattern: /^other:[A-Za-z0-9][\w.-]{0,99}$/,
  },
];

/** @throws ConfigurationError `escrow-name` */
function kindOf(name: string): Kind {
  const found = kinds.find(({ pattern }) => pattern.test(name));
  if (found !== undefined) return found;
  throw new ConfigurationError(
    "escrow-name",
    "Nothing is kept in escrow under that name.",
    `Use one of ${kinds.map(({ form }) => form).join(", ")}; Supabase sets secrets that begin with SUPABASE_ itself.`,
  );
}

/** A value that fits its name, and what may be told of it. */
export interface CheckedValue {
  readonly value: Buffer;
  /** Of the public half; null: it is no pair. */
  readonly thumbprint: string | null;
  /** SHA-256 in hex, where Supabase shows the same; null: it shows nothing. */
  readonly digest: string | null;
}

/**
 * Takes one line end off a value, as editors and `echo` leave it, and looks whether it fits its name.
 * @throws ConfigurationError `escrow-name`, `escrow-value`; neither quotes the value
 */
export function checkValue(name: string, read: Buffer): CheckedValue {
  const { mostBytes = mostValueBytes, wrong, digest = false } = kindOf(name);
  const refuse = (why: string): ConfigurationError =>
    new ConfigurationError(
      "escrow-value",
      `The value cannot be kept as ${name}: ${why}.`,
      "Give the right one, from a file or on stdin.",
    );
  if (read.length > mostValueBytes) throw refuse(`it has more than ${mostValueBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read).replace(/\r?\n$/, "");
  } catch {
    throw refuse("it is no text in UTF-8");
  }
  const value = Buffer.from(text);
  if (text.trim() === "") throw refuse("it is empty");
  if (text.includes("\0")) throw refuse("it holds a zero byte");
  if (value.length > mostBytes) throw refuse(`it has more than ${mostBytes} bytes`);
  const problem = wrong?.(text);
  if (problem !== undefined) throw refuse(problem);
  return {
    value,
    thumbprint: name === "signing-key" ? thumbprintOf(privateJwk(text)) : null,
    digest: digest ? createHash("sha256").update(value).digest("hex") : null,
  };
}

const base64url = z.string().regex(/^[\w-]+$/);
const jwkSchema = z.discriminatedUnion("kty", [
  z.looseObject({ kty: z.literal("EC"), crv: z.literal("P-256"), x: base64url, y: base64url, d: base64url }),
  z.looseObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: base64url, d: base64url }),
  z.looseObject({ kty: z.literal("RSA"), n: base64url, e: base64url, d: base64url }),
  z.looseObject({ kty: z.literal("oct"), k: base64url.min(22) }),
]);

/** The key, where the text is the private JWK of one that Supabase takes and its two halves belong together. */
function privateJwk(text: string): z.infer<typeof jwkSchema> | undefined {
  try {
    const jwk = jwkSchema.parse(JSON.parse(text));
    if (jwk.kty === "oct" || halvesFit(jwk)) return jwk;
    return undefined;
  } catch {
    return undefined;
  }
}

/** A JWK names both halves, and nothing says that they belong together. */
function halvesFit({ kty, d, ...publicHalf }: { readonly kty: string; readonly d: string }): boolean {
  const privateKey = createPrivateKey({ format: "jwk", key: { kty, d, ...publicHalf } as JsonWebKey });
  const publicKey = createPublicKey({ format: "jwk", key: { kty, ...publicHalf } as JsonWebKey });
  const [algorithm, text] = [kty === "OKP" ? null : "sha256", Buffer.from("Do both halves belong together?")];
  return verify(algorithm, text, publicKey, sign(algorithm, text, privateKey));
}

const publicSchema = z.discriminatedUnion("kty", [
  z.object({ kty: z.literal("EC"), crv: z.string(), x: base64url, y: base64url }),
  z.object({ kty: z.literal("OKP"), crv: z.string(), x: base64url }),
  z.object({ kty: z.literal("RSA"), n: base64url, e: base64url }),
]);

/**
 * Tells a pair by its public half, wherever it is read from (RFC 7638, SHA-256, base64url).
 * @returns null for what is no pair
 */
export function thumbprintOf(jwk: unknown): string | null {
  const parsed = publicSchema.safeParse(jwk).data;
  if (parsed === undefined) return null;
  // The members that count, in the order of their names.
  const text = JSON.stringify(Object.fromEntries(Object.entries(parsed).sort(([a], [b]) => (a < b ? -1 : 1))));
  return createHash("sha256").update(text).digest("base64url");
}
