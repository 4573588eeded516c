import {
  GetOpenIDConnectProviderCommand,
  GetPolicyVersionCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListOpenIDConnectProvidersCommand,
  ListPoliciesCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  type Policy,
  type Role,
} from "@aws-sdk/client-iam";
import { mapBounded } from "../base/flow/bounded.ts";
import { type AwsPlace, askAws, clientSettings } from "./answers.ts";

export interface ProviderFacts {
  readonly arn: string;
  /** Without `https://`. */
  readonly url: string;
  readonly audiences: readonly string[];
}

/** A role as it is, its documents as JSON. */
export interface RoleFacts {
  readonly arn: string;
  readonly path: string;
  readonly trust: unknown;
  readonly sessionSeconds: number;
  /** ARNs of the managed policies that hang on it. */
  readonly attached: readonly string[];
  readonly inline: ReadonlyMap<string, unknown>;
}

export interface ManagedFacts {
  readonly arn: string;
  readonly path: string;
  readonly document: unknown;
}

/** The account's OIDC provider for this issuer; undefined: there is none. An account has one for each. */
export async function findProvider(place: AwsPlace, issuer: string): Promise<ProviderFacts | undefined> {
  using client = openIam(place);
  const { OpenIDConnectProviderList = [] } = await askAws("ListOpenIDConnectProviders", () =>
    client.iam.send(new ListOpenIDConnectProvidersCommand({})),
  );
  const arn = OpenIDConnectProviderList.map(({ Arn = "" }) => Arn).find((one) => one.endsWith(`/${issuer}`));
  if (arn === undefined) return undefined;
  const { Url = "", ClientIDList = [] } = await askAws("GetOpenIDConnectProvider", () =>
    client.iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn })),
  );
  return { arn, url: Url.replace(/^https:\/\//, ""), audiences: ClientIDList };
}

/** Every role below a path, with all that hangs on it. */
export async function readRoles(place: AwsPlace, PathPrefix: string): Promise<readonly RoleFacts[]> {
  using client = openIam(place);
  const { iam } = client;
  const roles: Role[] = [];
  let Marker: string | undefined;
  do {
    const page = await askAws("ListRoles", () => iam.send(new ListRolesCommand({ PathPrefix, ...marked(Marker) })));
    roles.push(...(page.Roles ?? []));
    Marker = page.Marker;
  } while (Marker !== undefined);
  return mapBounded(roles, 4, async (role) => {
    const RoleName = role.RoleName ?? "";
    const [{ PolicyNames = [] }, { AttachedPolicies = [] }] = await Promise.all([
      askAws("ListRolePolicies", () => iam.send(new ListRolePoliciesCommand({ RoleName }))),
      askAws("ListAttachedRolePolicies", () => iam.send(new ListAttachedRolePoliciesCommand({ RoleName }))),
    ]);
    const inline = await mapBounded(PolicyNames, 2, async (PolicyName) => {
      const { PolicyDocument } = await askAws("GetRolePolicy", () =>
        iam.send(new GetRolePolicyCommand({ RoleName, PolicyName })),
      );
      return [PolicyName, documentOf(PolicyDocument)] as const;
    });
    return {
      ...{ arn: role.Arn ?? "", path: role.Path ?? "", trust: documentOf(role.AssumeRolePolicyDocument) },
      sessionSeconds: role.MaxSessionDuration ?? 3600,
      attached: AttachedPolicies.map(({ PolicyArn = "" }) => PolicyArn),
      inline: new Map(inline),
    };
  });
}

/** Every policy of the account's own below a path. */
export async function readManaged(place: AwsPlace, PathPrefix: string): Promise<readonly ManagedFacts[]> {
  using client = openIam(place);
  const { iam } = client;
  const policies: Policy[] = [];
  let Marker: string | undefined;
  do {
    const page = await askAws("ListPolicies", () =>
      iam.send(new ListPoliciesCommand({ Scope: "Local", PathPrefix, ...marked(Marker) })),
    );
    policies.push(...(page.Policies ?? []));
    Marker = page.Marker;
  } while (Marker !== undefined);
  return mapBounded(policies, 4, async ({ Arn = "", Path = "", DefaultVersionId = "" }) => {
    const { PolicyVersion } = await askAws("GetPolicyVersion", () =>
      iam.send(new GetPolicyVersionCommand({ PolicyArn: Arn, VersionId: DefaultVersionId })),
    );
    return { arn: Arn, path: Path, document: documentOf(PolicyVersion?.Document) };
  });
}

function openIam(place: AwsPlace): { readonly iam: IAMClient; [Symbol.dispose](): void } {
  const iam = new IAMClient(clientSettings(place));
  return { iam, [Symbol.dispose]: () => iam.destroy() };
}

const marked = (Marker: string | undefined) => (Marker === undefined ? {} : { Marker });

/** IAM hands documents out as URLs take them. */
function documentOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(decodeURIComponent(text));
  } catch {
    return undefined;
  }
}
