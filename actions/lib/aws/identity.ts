import { GetOpenIDConnectProviderCommand, IAMClient, ListOpenIDConnectProvidersCommand } from "@aws-sdk/client-iam";
import { type AwsPlace, askAws, clientSettings } from "./answers.ts";

export interface ProviderFacts {
  readonly arn: string;
  /** Without `https://`. */
  readonly url: string;
  readonly audiences: readonly string[];
}

/** The account's OIDC provider for this issuer; undefined: there is none. An account has one for each. */
export async function findProvider(place: AwsPlace, issuer: string): Promise<ProviderFacts | undefined> {
  const client = new IAMClient(clientSettings(place));
  try {
    const { OpenIDConnectProviderList = [] } = await askAws("ListOpenIDConnectProviders", () =>
      client.send(new ListOpenIDConnectProvidersCommand({})),
    );
    const arn = OpenIDConnectProviderList.map(({ Arn = "" }) => Arn).find((one) => one.endsWith(`/${issuer}`));
    if (arn === undefined) return undefined;
    const { Url = "", ClientIDList = [] } = await askAws("GetOpenIDConnectProvider", () =>
      client.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn })),
    );
    return { arn, url: Url.replace(/^https:\/\//, ""), audiences: ClientIDList };
  } finally {
    client.destroy();
  }
}
