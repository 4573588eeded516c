import { DescribeRuleCommand, EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { type AwsPlace, askAws, clientSettings, isNoSuchThing } from "./answers.ts";

/** A rule of EventBridge, its pattern as JSON; undefined: there is none of that name. */
export async function readRule(place: AwsPlace, name: string): Promise<object | undefined> {
  const client = new EventBridgeClient(clientSettings(place));
  try {
    return await askAws<object | undefined>(
      "DescribeRule",
      async () => {
        const { Name, State, EventPattern = "{}" } = await client.send(new DescribeRuleCommand({ Name: name }));
        return { Name, State, EventPattern: JSON.parse(EventPattern) };
      },
      (error) => (isNoSuchThing(error) ? {} : undefined),
    );
  } finally {
    client.destroy();
  }
}
