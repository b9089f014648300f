import { useCallback } from 'react';
import { useIntl } from 'react-intl';
import type { MessageId } from '../messages/en.ts';

export type Say = (id: MessageId, values?: Readonly<Record<string, string | number>>) => string;

/** The catalogue of the chosen language, as a function of message and values. */
export function useText(): Say {
  const intl = useIntl();
  return useCallback((id, values) => intl.formatMessage({ id }, values), [intl]);
}
