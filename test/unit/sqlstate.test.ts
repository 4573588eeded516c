import { expect, test } from "vitest";
import { describeCode } from "../../actions/lib/base/errors.ts";

function said(code: string, routine: string, message: string): string {
  return describeCode(Object.assign(new Error(message), { code, routine }));
}

test("what is not there is named when the server itself says so", () => {
  expect(said("42883", "ParseFuncOrColumn", "function shop.pad(integer, text[]) does not exist")).toBe(
    '42883, there is no function "shop.pad(integer, text[])"',
  );
  expect(said("42P01", "parserOpenTable", 'relation "shop.orders" does not exist')).toBe(
    '42P01, there is no relation "shop.orders"',
  );
  expect(said("3F000", "get_namespace_oid", 'schema "shop" does not exist')).toBe('3F000, there is no schema "shop"');
});

test("no text is taken over that a function raised, that says more than names, or that comes with another state", () => {
  expect(said("42883", "exec_stmt_raise", "function secret() does not exist")).toBe("42883");
  expect(said("42883", "ParseFuncOrColumn", "function `rm -rf`\n(text) does not exist")).toBe("42883");
  expect(said("42P01", "parserOpenTable", `relation "${"x".repeat(200)}" does not exist`)).toBe(
    "42P01, the table is gone",
  );
  expect(said("23505", "ParseFuncOrColumn", "function secret() does not exist")).toBe("23505");
});
