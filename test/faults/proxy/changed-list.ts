import type { ListObjectVersionsCommandOutput, ObjectVersion } from "@aws-sdk/client-s3";
import { OperationError } from "../../../actions/lib/base/errors.ts";
import type { Transport } from "../../../actions/lib/s3/transport.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";

/**
 * A vault whose store lists other versions than it has, for what would take a test minutes to lay there: thousands of objects, or one
 * of gigabytes. What is only listed is not there when it is asked for.
 * @param change gets what a page lists of versions below the prefix, and gives what is to be listed
 */
export function withChangedList(
  vault: Vault,
  prefix: string,
  change: (versions: readonly ObjectVersion[]) => readonly ObjectVersion[],
): Vault {
  const invented = new Set<string>();
  const transport: Transport = {
    ...vault.transport,
    async request(request, attempt) {
      const answer = await vault.transport.request(request, attempt);
      if (request.operation !== "ListObjectVersions" || request.key?.startsWith(prefix) !== true) return answer;
      const page = answer as ListObjectVersionsCommandOutput;
      const stored = new Set(page.Versions?.map(({ Key }) => Key));
      const listed = change(page.Versions ?? []);
      for (const { Key = "" } of listed) if (!stored.has(Key)) invented.add(Key);
      return { ...page, Versions: [...listed] } as typeof answer;
    },
  };
  return {
    ...{ ...vault, transport },
    get(key, options) {
      if (!invented.has(key)) return vault.get(key, options);
      return Promise.reject(new OperationError("s3-missing", `${key} is only listed`));
    },
  };
}
