import { countOf, few } from "../../base/measures.ts";
import type { Compared } from "../cloud/property.ts";
import type { Finding } from "./check.ts";

/** Whether the AWS account is still set up as it was made. @param provisioned whether `lifeboat provision aws` has made it */
export function judgeAccount({ drifts, unknown, looked, provisioned }: Compared & { provisioned: boolean }): Finding {
  const page =
    "Run `lifeboat provision check`: it says of each what it should be and what to do (runbooks/aws-account.md).";
  const names = few(drifts.map(({ name }) => name));
  const differ = `${countOf(drifts.length, "property", "properties")} of ${looked} differ: ${names}.`;
  if (!provisioned) {
    return {
      state: "warning",
      found: `No role of this project was made by \`lifeboat provision aws\`. ${differ}`,
      means: "What protects the vault was set by hand, and nobody compares it.",
      next: `Make the roles (\`lifeboat provision aws --keep-buckets\`), or silence this check. ${page}`,
    };
  }
  if (drifts.length > 0) {
    return {
      state: drifts.some(({ level }) => level === "critical") ? "critical" : "warning",
      found: differ,
      means: "Somebody has changed how the vault is protected, or who may reach it.",
      next: page,
    };
  }
  if (unknown.length > 0) {
    return {
      state: "unknown",
      found: `${countOf(unknown.length, "property", "properties")} could not be looked at: ${few(unknown.map(({ name }) => name))}.`,
      means: "What could not be looked at may have been changed.",
      next: page,
    };
  }
  return { state: "ok", found: `All ${looked} properties of buckets, roles and alarm are as they should be.` };
}
