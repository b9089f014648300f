import { PassiveSpan } from '../api/passive-span.ts';

/**
 * A parent in another process whose sampling decision is left to the receiver. Its flags say "not sampled", as flags
 * cannot say more; samplers that follow a parent's decision make one of their own.
 */
export class DeferredParent extends PassiveSpan {}
