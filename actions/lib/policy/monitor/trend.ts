/**
 * When something that grows reaches its limit. A plain straight line, drawn so that one odd day, one bulk import or one clean-up does not
 * bend it: it is read by people, and an alarm hangs on it.
 */

/** A figure of a day. */
export interface DayFigure {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly value: number;
}

/** What is looked at: older days say little about the next ones, and fewer values say nothing. */
const windowDays = 60;
const fewestValues = 7;
/** Nobody plans further ahead, and no line holds so long. */
const furthestDays = 730;

const dayMillis = 86_400_000;

/**
 * Growth a day over the last 60 days; undefined with fewer than 7 values. Steps are left out, then Theil–Sen: the median of the slopes
 * between all pairs of days (en.wikipedia.org/wiki/Theil–Sen_estimator), which up to a quarter of odd values does not move.
 *
 * @param values oldest first, at most one a day; any unit
 * @returns unit a day; 0 where what it grows by cannot be told from its ups and downs
 */
export function growthPerDay(values: readonly DayFigure[], now: Date): number | undefined {
  const today = now.getTime() / dayMillis;
  const points = values
    .map(({ day, value }) => ({ x: Date.parse(day) / dayMillis, y: value }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y) && x <= today && today - x <= windowDays + 1);
  if (points.length < fewestValues) return undefined;
  const level = withoutSteps(points);
  const slopes = level.flatMap(({ x, y }, at) =>
    level.slice(at + 1).flatMap((later) => (later.x > x ? [(later.y - y) / (later.x - x)] : [])),
  );
  if (slopes.length === 0) return undefined;
  const slope = median(slopes);
  const [first, last] = [level[0], level.at(-1)];
  const span = (last?.x ?? 0) - (first?.x ?? 0);
  const residuals = level.map(({ x, y }) => y - slope * x);
  const middle = median(residuals);
  const scatter = median(residuals.map((one) => Math.abs(one - middle)));
  return Math.abs(slope) * span > 2 * scatter ? slope : 0;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The same without what happened at once: a change between two values that is larger than all others together is a step, not a pace, and
 * counts as the usual change. At most two are taken out; what comes more often is how it grows.
 */
function withoutSteps(points: readonly Point[]): Point[] {
  const changes = points.slice(1).map(({ y }, at) => y - (points[at]?.y ?? y));
  const usual = median(changes);
  for (let taken = 0; taken < 2; taken++) {
    const sizes = changes.map(Math.abs);
    const largest = Math.max(...sizes);
    if (largest * 2 <= sizes.reduce((sum, one) => sum + one, 0)) break;
    changes[sizes.indexOf(largest)] = usual;
  }
  let y = points[0]?.y ?? 0;
  return points.map(({ x }, at) => {
    y += at === 0 ? 0 : (changes[at - 1] ?? 0);
    return { x, y };
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/**
 * Days from now until `value` has grown to `limit` at this pace: 0 when it has; null when it does not grow, nothing is known of its pace,
 * or it would take longer than two years.
 */
export function daysUntil(limit: number, value: number, perDay: number | undefined): number | null {
  if (value >= limit) return 0;
  if (perDay === undefined || perDay <= 0) return null;
  const days = (limit - value) / perDay;
  return days <= furthestDays ? days : null;
}
