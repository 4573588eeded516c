import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkValue, thumbprintOf } from "../../actions/lib/operations/escrow/names.ts";

const check = (name: string, value: string | Buffer) => checkValue(name, Buffer.from(value));
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "taken";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "no code";
  }
};
const pair = (type: "ec" | "ed25519" | "rsa") => {
  const { privateKey } =
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : type === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ed25519");
  return privateKey.export({ format: "jwk" });
};

describe("what is put into escrow", () => {
  test("goes by a name of the list; Supabase's own secrets and foreign names are refused", () => {
    for (const name of ["secret:STRIPE_KEY", "auth:smtp_pass", "s3-keys", "other:dns-login"])
      expect(check(name, "value").value.toString(), name).toBe("value");
    for (const name of [
      "secret:SUPABASE_DB_URL",
      "secret:",
      "auth:../x",
      "other:",
      "Signing-key",
      "secret:A/B",
      "secret:A\n",
    ])
      expect(
        codeOf(() => check(name, "value")),
        name,
      ).toBe("escrow-name");
  });

  test("loses one line end, as an editor leaves it, and no more", () => {
    expect(check("secret:A", "a b\n").value.toString()).toBe("a b");
    expect(check("secret:A", "a\r\n").value.toString()).toBe("a");
    expect(check("secret:A", "a\n\n").value.toString()).toBe("a\n");
    expect(check("other:x", "\uFEFFa").value.toString()).toBe("\uFEFFa");
  });

  test("is refused when it cannot be what its name says, and the message does not quote it", () => {
    const wrong: readonly (readonly [string, string | Buffer])[] = [
      ["secret:A", ""],
      ["secret:A", " \n"],
      ["secret:A", "hunter2\0"],
      ["secret:A", Buffer.from([0x68, 0xff, 0xfe])],
      ["secret:A", "hunter2".repeat(4000)],
      ["other:x", "hunter2".repeat(10_000)],
      ["vault-root-key", "hunter2"],
      ["signing-key", "hunter2"],
      ["signing-key", JSON.stringify({ ...pair("ec"), d: undefined, hint: "hunter2" })],
      ["signing-key", JSON.stringify({ ...pair("ec"), d: pair("ec").d })],
      ["signing-key", JSON.stringify({ ...pair("ed25519"), x: pair("ed25519").x })],
      ["signing-key", JSON.stringify({ kty: "oct", k: "short" })],
    ];
    for (const [name, value] of wrong) {
      expect(
        codeOf(() => check(name, value)),
        name,
      ).toBe("escrow-value");
      expect(() => check(name, value)).not.toThrow(/hunter2/);
    }
    expect(check("vault-root-key", "0123456789abcdef".repeat(4)).digest).toBeNull();
  });

  test("tells the digest that Supabase shows of a function's secret, and the thumbprint of a key's public half", () => {
    expect(check("secret:A", "value\n").digest).toBe(createHash("sha256").update("value").digest("hex"));
    expect(check("auth:smtp_pass", "value")).toMatchObject({ digest: null, thumbprint: null });
    for (const type of ["ec", "ed25519", "rsa"] as const)
      expect(check("signing-key", JSON.stringify(pair(type))).thumbprint, type).toMatch(/^[\w-]{43}$/);
    expect(check("signing-key", JSON.stringify({ kty: "oct", k: "a".repeat(43) })).thumbprint).toBeNull();
  });

  test("has the thumbprint that RFC 8037 gives for its example", () => {
    // Appendix A.1 to A.3.
    const jwk = {
      ...{ kty: "OKP", crv: "Ed25519", d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" },
      x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    };
    expect(thumbprintOf(jwk)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });
});
