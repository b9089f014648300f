import { useIntl } from 'react-intl';

const units = [
  ['year', 31_556_952],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** With milliseconds, and 24 hours: a time on a trace is compared with times in logs. */
const clock = {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
} as const;

const date = { year: 'numeric', month: 'short', day: 'numeric' } as const;

export interface TimeText {
  /** Date, time and time zone. */
  readonly absolute: string;
  /** Without the zone, and without the date when that is today. */
  readonly short: string;
  /** As "3 minutes ago". */
  readonly relative: string;
}

/** A time given in Unix nanoseconds (decimal) in words, in the time zone of the browser. */
export function useTimeText(startNs: string | bigint): TimeText {
  const intl = useIntl();
  const ms = Number(BigInt(startNs) / 1_000_000n);
  const now = new Date();
  const seconds = Math.round((ms - now.getTime()) / 1000);
  const [unit, size] = units.find(([, unitSeconds]) => Math.abs(seconds) >= unitSeconds) ?? units[4];
  const absolute = intl.formatDate(ms, { ...date, ...clock, timeZoneName: 'short' });
  return {
    absolute,
    short:
      new Date(ms).toDateString() === now.toDateString()
        ? intl.formatDate(ms, clock)
        : intl.formatDate(ms, { ...date, ...clock }),
    relative: intl.formatRelativeTime(Math.trunc(seconds / size), unit, { numeric: 'auto' }),
  };
}

/** The time zone of the browser, such as `GMT+8`: all times are shown in it. */
export function useZoneName(): string {
  const intl = useIntl();
  const parts = intl.formatDateToParts(new Date(), { timeZoneName: 'short' });
  return parts.find(({ type }) => type === 'timeZoneName')!.value;
}
