import type { Json } from "./document.ts";

/** CloudWatch counts by the hour. */
const period = 3600;
export const ruleName = "lifeboat-${Project}-new-set";
export const alarmName = "lifeboat-${Project}-no-new-set";

/** Hears of each manifest that is written: S3 tells EventBridge of every object, and EventBridge counts what its rules take. */
export const manifestRule = {
  Name: ruleName,
  Description: "A backup set was published: its manifest comes last",
  State: "ENABLED",
  EventPattern: {
    source: ["aws.s3"],
    "detail-type": ["Object Created"],
    detail: {
      bucket: { name: ["${DatabaseBucket}"] },
      object: { key: [{ wildcard: "database/*/manifest.json" }] },
    },
  },
} as const satisfies Json;

/**
 * Rings when none came for so many hours. No job of Lifeboat is part of it, and GitHub is not either: hours without any news are bad
 * ones, so it rings as well when there never was a set, or when nobody counts any more.
 */
export const silenceAlarm = {
  AlarmName: alarmName,
  AlarmDescription: "No new backup set for ${AlarmHours} hours: see runbooks/backup-failed.md",
  Namespace: "AWS/Events",
  MetricName: "TriggeredRules",
  Dimensions: [{ Name: "RuleName", Value: ruleName }],
  Statistic: "Sum",
  Period: period,
  EvaluationPeriods: "${AlarmHours}",
  DatapointsToAlarm: "${AlarmHours}",
  Threshold: 1,
  ComparisonOperator: "LessThanThreshold",
  TreatMissingData: "breaching",
  ActionsEnabled: true,
  AlarmActions: ["${AlarmTopic}"],
  OKActions: ["${AlarmTopic}"],
} as const satisfies Json;
