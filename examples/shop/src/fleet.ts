import type { ProblemName } from './problems.ts';

/** One process of the shop. */
export interface Member {
  /** Unique among the processes; the prefix of its log lines. */
  readonly name: string;
  /** `service.name`; the module is `services/<service>.js`. */
  readonly service: string;
  /** `service.version`. */
  readonly version: string;
  /** The environment variables that take addresses, each with the members whose addresses it takes. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** A module that is loaded before all others when the problem is built in. */
  readonly preload?: { readonly module: string; readonly problem: ProblemName };
}

const recommendations = { service: 'recommendations', addresses: { INVENTORY_URL: ['inventory'] } };

export const fleet: readonly Member[] = [
  { name: 'inventory', service: 'inventory', version: '3.2.1', addresses: {} },
  { name: 'payments', service: 'payments', version: '2.0.4', addresses: {} },
  {
    name: 'shipping',
    service: 'shipping',
    version: '1.1.0',
    addresses: { INVENTORY_URL: ['inventory'] },
    preload: { module: './skewed-clock.js', problem: 'clock-skew' },
  },
  { name: 'recommendations-1.4.0', version: '1.4.0', ...recommendations },
  { name: 'recommendations-1.5.0', version: '1.5.0', ...recommendations },
  {
    name: 'orders',
    service: 'orders',
    version: '5.3.0',
    addresses: { INVENTORY_URL: ['inventory'], PAYMENTS_URL: ['payments'], SHIPPING_URL: ['shipping'] },
  },
  {
    name: 'gateway',
    service: 'gateway',
    version: '2.8.0',
    addresses: {
      INVENTORY_URL: ['inventory'],
      ORDERS_URL: ['orders'],
      RECOMMENDATIONS_URLS: ['recommendations-1.4.0', 'recommendations-1.5.0'],
    },
  },
];
