import { connect } from './api-client.ts';
import { confirm } from './confirm.ts';
import { countOf } from './count.ts';
import { print } from './output.ts';

/** The options of `clew delete`, as parsed. */
export interface DeleteOptions {
  readonly server: string;
  readonly token?: string;
  readonly yes?: boolean;
}

/** Deletes one trace and says how many spans it had. */
export async function runDelete(traceId: string, { server, token, yes }: DeleteOptions): Promise<void> {
  await confirm(`Delete trace ${traceId} for good?`, yes);
  const { deletedSpans } = await connect(server, token).deleteTrace(traceId);
  print(`Deleted ${countOf(deletedSpans, 'span')} of trace ${traceId}.\n`);
}
