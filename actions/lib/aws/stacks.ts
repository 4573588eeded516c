import { setTimeout as sleep } from "node:timers/promises";
import {
  type Change,
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
} from "@aws-sdk/client-cloudformation";
import { OperationError } from "../base/errors.ts";
import { type AwsPlace, askAws, clientSettings } from "./answers.ts";

export interface StackFacts {
  readonly name: string;
  /** E.g. `UPDATE_COMPLETE`. */
  readonly status: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What CloudFormation would do with one resource. */
export interface PlannedChange {
  readonly action: string;
  readonly resource: string;
  readonly type: string;
  /** True, or Conditional: the resource would be made anew. */
  readonly replacement: string | undefined;
}

export interface Proposal {
  readonly id: string;
  readonly changes: readonly PlannedChange[];
}

export interface ProposedStack {
  readonly name: string;
  readonly kind: "CREATE" | "UPDATE";
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Compare with what is really there, and not with what the stack was told last: puts back what was changed beside it. */
  readonly revert?: boolean;
}

/** CloudFormation in one region. */
export interface Stacks {
  /** Undefined: there is none. */
  find(name: string): Promise<StackFacts | undefined>;
  /** As it was handed over. */
  template(name: string): Promise<string>;
  /** What its resources are really called, by their names in the template. */
  resources(name: string): Promise<ReadonlyMap<string, string>>;
  /** Asks what would change, and changes nothing. Undefined: nothing would. */
  propose(wish: ProposedStack, signal: AbortSignal): Promise<Proposal | undefined>;
  /** Does what was proposed and waits for its end. @throws OperationError `stack-failed` with the first reason */
  carryOut(name: string, proposal: Proposal, signal: AbortSignal): Promise<StackFacts>;
  discard(name: string, proposal: Proposal): Promise<void>;
  close(): void;
}

const betweenLooks = 2000;
const nothingChanges = /didn't contain changes|no updates are to be performed/i;

export function openStacks(place: AwsPlace): Stacks {
  const client = new CloudFormationClient(clientSettings(place));
  const pause = place.endpoint === undefined ? betweenLooks : 50;

  const find = (name: string): Promise<StackFacts | undefined> =>
    askAws<StackFacts | undefined>(
      "DescribeStacks",
      async () => {
        const { Stacks: [found] = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
        return {
          name,
          status: found?.StackStatus ?? "unknown",
          parameters: paired(found?.Parameters?.map((one) => [one.ParameterKey, one.ParameterValue])),
          outputs: paired(found?.Outputs?.map((one) => [one.OutputKey, one.OutputValue])),
        };
      },
      none,
    ).then((found) => (found?.status === "none" ? undefined : found));

  /** Of a stack that failed: CloudFormation says the cause first and then what it took along. */
  const firstReason = async (name: string): Promise<string> => {
    const { StackEvents = [] } = await askAws("DescribeStackEvents", () =>
      client.send(new DescribeStackEventsCommand({ StackName: name })),
    );
    const failed = StackEvents.findLast(({ ResourceStatus = "" }) => ResourceStatus.endsWith("_FAILED"));
    return failed === undefined ? "no reason given" : `${failed.LogicalResourceId}: ${failed.ResourceStatusReason}`;
  };

  return {
    find,
    template: (name) =>
      askAws("GetTemplate", async () => {
        const { TemplateBody = "" } = await client.send(
          new GetTemplateCommand({ StackName: name, TemplateStage: "Original" }),
        );
        return TemplateBody;
      }),
    resources: (name) =>
      askAws("ListStackResources", async () => {
        const found = new Map<string, string>();
        let NextToken: string | undefined;
        do {
          const page = await client.send(
            new ListStackResourcesCommand({ StackName: name, ...(NextToken !== undefined && { NextToken }) }),
          );
          for (const one of page.StackResourceSummaries ?? [])
            found.set(one.LogicalResourceId ?? "", one.PhysicalResourceId ?? "");
          NextToken = page.NextToken;
        } while (NextToken !== undefined);
        return found;
      }),
    async propose({ name, kind, template, parameters, revert }, signal) {
      const ChangeSetName = `lifeboat-${Date.now()}`;
      await askAws("CreateChangeSet", () =>
        client.send(
          new CreateChangeSetCommand({
            ...{ StackName: name, ChangeSetName, ChangeSetType: kind, TemplateBody: template },
            Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
              ParameterKey,
              ParameterValue,
            })),
            Capabilities: ["CAPABILITY_IAM"],
            ...(revert === true && kind === "UPDATE" && { DeploymentMode: "REVERT_DRIFT" }),
          }),
        ),
      );
      const changes: Change[] = [];
      let NextToken: string | undefined;
      for (;;) {
        const answer = await askAws("DescribeChangeSet", () =>
          client.send(
            new DescribeChangeSetCommand({
              ...{ StackName: name, ChangeSetName },
              ...(NextToken !== undefined && { NextToken }),
            }),
          ),
        );
        const { Status = "", StatusReason = "" } = answer;
        const proposal = { id: ChangeSetName, changes: [] };
        if (Status === "FAILED") {
          await this.discard(name, proposal);
          if (nothingChanges.test(StatusReason)) return undefined;
          throw new OperationError("stack-refused", `CloudFormation does not take the stack ${name}: ${StatusReason}`);
        }
        if (Status !== "CREATE_COMPLETE") {
          await sleep(pause, undefined, { signal });
          continue;
        }
        changes.push(...(answer.Changes ?? []));
        NextToken = answer.NextToken;
        if (NextToken !== undefined) continue;
        if (changes.length > 0) return { id: ChangeSetName, changes: changes.flatMap(planned) };
        await this.discard(name, proposal);
        return undefined;
      }
    },
    async carryOut(name, { id }, signal) {
      await askAws("ExecuteChangeSet", () =>
        client.send(new ExecuteChangeSetCommand({ StackName: name, ChangeSetName: id })),
      );
      for (;;) {
        const found = await find(name);
        if (found !== undefined && !found.status.endsWith("_IN_PROGRESS")) {
          if (/^(?:CREATE|UPDATE)_COMPLETE$/.test(found.status)) return found;
          throw new OperationError(
            "stack-failed",
            `The stack ${name} ended as ${found.status}. ${await firstReason(name)}`,
            "Correct that, and run it again: what was there before is as it was.",
          );
        }
        await sleep(pause, undefined, { signal });
      }
    },
    discard: (name, { id }) =>
      askAws("DeleteChangeSet", async () => {
        await client.send(new DeleteChangeSetCommand({ StackName: name, ChangeSetName: id }));
      }),
    close: () => client.destroy(),
  };
}

/** CloudFormation has one code for all that is wrong with a question. */
function none(error: unknown): StackFacts | undefined {
  const missing = error instanceof Error && error.name === "ValidationError" && /does not exist/.test(error.message);
  return missing ? { name: "", status: "none", parameters: {}, outputs: {} } : undefined;
}

function planned({ ResourceChange: change }: Change): PlannedChange[] {
  if (change === undefined) return [];
  const { Action = "", LogicalResourceId = "", ResourceType = "", Replacement } = change;
  return [{ action: Action, resource: LogicalResourceId, type: ResourceType, replacement: Replacement }];
}

function paired(
  entries: readonly (readonly [string | undefined, string | undefined])[] = [],
): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map(([name = "", value = ""]) => [name, value]));
}
