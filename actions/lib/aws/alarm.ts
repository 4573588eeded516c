import { CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { type AwsPlace, askAws, clientSettings } from "./answers.ts";

/** An alarm as CloudWatch has it, in CloudFormation's words; undefined: there is none of that name. */
export async function readAlarm(place: AwsPlace, name: string): Promise<object | undefined> {
  const client = new CloudWatchClient(clientSettings(place));
  try {
    const { MetricAlarms: [found] = [] } = await askAws("DescribeAlarms", () =>
      client.send(new DescribeAlarmsCommand({ AlarmNames: [name] })),
    );
    return found;
  } finally {
    client.destroy();
  }
}
